"""What only a GPU can show, on a machine that has one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from specs import train_section
from tinyphase import FADE_STEPS, Place, last_state
from tinytraining import CASES, assert_equal, minibatches, start

from pgpipe.gan.networks import tensors_of
from pgpipe.gan.step import Step
from pgpipe.plumbing import tensors
from pgpipe.training.capture import WARM_UP, CapturedStep
from pgpipe.training.numerics import repeat_bits

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")

GPU = torch.device("cuda")
COUNT = WARM_UP + 3  # steps
HOW = {"device": "cuda", "deterministic": True}


@pytest.fixture(autouse=True)
def same_bits() -> Iterator[None]:
    repeat_bits(always=True)
    yield
    repeat_bits(always=False)


@pytest.mark.parametrize(("changes", "model", "fading"), CASES)
def test_a_graphs_replays_equal_steps_to_the_bit(
    changes: dict[str, Any], model: dict[str, Any], fading: bool
) -> None:
    train = train_section(**HOW, **changes)
    ours, theirs = (start(train, GPU, **model) for _ in range(2))
    replayed, plain = CapturedStep(Step(ours, train)), Step(theirs, train)
    for batches in minibatches(COUNT, train, ours.generator.spec.classes, fading, GPU):
        assert replayed(batches).equal(plain(batches))
    assert replayed.statistics is not None, "captured"
    assert_equal(tensors_of(ours), tensors_of(theirs))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("last", [2, WARM_UP + 1, FADE_STEPS + 2])
def test_interrupted_it_ends_at_the_same_bits(tmp_path: Path, last: int, precision: str) -> None:
    place = Place(tmp_path / "place", train={**HOW, "precision": precision}, device=GPU).grow()
    place.run(tmp_path / "whole")
    place.interrupted(tmp_path / "parts", last)
    place.run(tmp_path / "parts")
    assert_equal(*(tensors.read(last_state(tmp_path / name))[0] for name in ("parts", "whole")))
