"""Killed anywhere, again and again, a pipeline ends with the bits of one that was left alone."""

from pathlib import Path

import pytest
from tinyproject import Project

from faults.chains import Chain, curves, results, untrained_copy
from faults.trials import Trials
from faults.variants import SLOW_WRITE, save_in_place

KILLS = 6  # a chain


def test_stages_killed_anywhere_end_with_the_same_bits(
    finished: Project, seconds: dict[str, float], tmp_path: Path, trials: Trials
) -> None:
    lost: list[int] = []
    wanted, kills = results(finished.untouched.folder), 0
    chains = trials.number(smoke=1, everything=30)
    for number in range(chains):
        project = untrained_copy(finished, tmp_path / f"{number}")
        chain = Chain(project, trials.random)
        chain.run(KILLS, seconds)
        assert results(project.folder) == wanted
        assert len(set(curves(project.folder))) == len(curves(project.folder))
        kills, lost = kills + chain.kills, lost + chain.lost
    trials.reached(
        f"{kills} kills in {chains} chains, {len(lost)} while training; "
        f"at most {max(lost, default=0)} images lost by one"
    )


def test_the_same_chain_fails_where_states_are_saved_in_place(
    untrained: Project, seconds: dict[str, float], trials: Trials
) -> None:
    chain = Chain(untrained, trials.random, change=save_in_place, saving=SLOW_WRITE)
    with pytest.raises(AssertionError, match=r"torn|set aside"):
        chain.run(10, {"train r4": seconds["train r4"]})
