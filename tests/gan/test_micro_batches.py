"""Parts of a minibatch: whole groups, each sample once, seen as in the undivided minibatch."""

from typing import Any

import pytest
import torch
from specs import model_section, train_section
from tinyparams import refusal

from pgpipe import rng
from pgpipe.gan import micro_batches
from pgpipe.gan.minibatch import minibatch_stddev

SIZES = [(16, 4, 1, 4), (16, 4, 2, 8), (16, 4, 2, 4), (12, 2, 3, 2), (8, False, 2, 3), (6, 4, 1, 6)]


def divided(N: int, groups: Any, processes: int, most: int) -> list[list[list[int]]]:
    """The rows of each part of each process."""
    section = train_section(minibatch=8, minibatch_stddev=groups, minibatch_per_device=most)
    ranks = range(processes)
    return [micro_batches.rows(model_section(), section, N, processes, rank) for rank in ranks]


@pytest.mark.parametrize("case", SIZES[:-1])
def test_every_sample_is_in_one_part_and_no_part_is_too_large(case: Any) -> None:
    N, _, processes, most = case
    found = divided(*case)
    assert len({len(of_process) for of_process in found}) == 1, "as many for each process"
    rows = [row for of_process in found for row in of_process]
    assert sorted(sample for row in rows for sample in row) == list(range(N))
    assert len({len(row) for row in rows}) == 1, "of equal size"
    assert len(rows[0]) <= most
    assert len(found) == processes


@pytest.mark.parametrize("case", [case for case in SIZES[:-1] if case[1]])
def test_groups_of_minibatch_stddev_are_those_of_the_whole(case: Any) -> None:
    N, size, _, _ = case
    x = rng.normal((N, 3, 2, 2), rng.key(0, "features", 0))
    whole = minibatch_stddev(x, size)
    for of_process in divided(*case):
        for rows in of_process:
            torch.testing.assert_close(minibatch_stddev(x[rows], size), whole[rows])


@pytest.mark.parametrize(
    ("train", "model"),
    [
        ({"minibatch_stddev": True}, {}),
        ({"minibatch_stddev": 4}, {}),
        ({"minibatch_stddev": False}, {"minibatch_discrimination": 2}),
        ({"minibatch_stddev": False}, {"generator_norm": "batch"}),
        ({"minibatch_stddev": False}, {"discriminator_norm": "batch"}),
    ],
)
def test_what_a_network_sees_together_is_not_divided(
    train: dict[str, Any], model: dict[str, Any]
) -> None:
    section = train_section(**train, minibatch_per_device=2)
    with pytest.raises(ValueError, match="minibatch 8 does not divide into parts of at most 2"):
        micro_batches.count(model_section(**model), section, 8)


def test_undivided_a_minibatch_is_one_part() -> None:
    assert micro_batches.rows(model_section(), train_section(), 8) == [list(range(8))]


def test_more_processes_than_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="for 3 processes: the networks see 4 images together"):
        micro_batches.count(model_section(), train_section(minibatch_stddev=4), 8, processes=3)


def test_check_refuses_what_does_not_divide() -> None:
    said = refusal(train__minibatch_per_device=2)
    assert "growth.phases.r4: minibatch 8 does not divide into parts of at most 2" in said
