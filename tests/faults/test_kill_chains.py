"""Killed anywhere, again and again, a pipeline ends with the bits of one that was left alone."""

import re
from pathlib import Path

import pytest
import torch
from tinyproject import Project

from faults.chains import TRAINING, Chain, curves, results, untrained_copy
from faults.trials import Trials
from faults.variants import SLOW_WRITE, forget_slowly, save_in_place
from faults.warm import Command
from pgpipe.gan.networks import FAKE_SCORE
from pgpipe.gan.systems import SYSTEMS
from pgpipe.plumbing import sealed, tensors

KILLS = 6  # a chain
SURE = 0.95  # of the fakes, D begins a chain: from 0.5 on there is noise in it


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


@pytest.mark.faults
def test_least_squares_with_noise_in_d_ends_with_the_same_bits(
    finished: Project, seconds: dict[str, float], tmp_path: Path, trials: Trials
) -> None:
    """Short trainings never come to where D is sure of the fakes, so these begin there."""
    wanted = trained(of_least_squares(finished, tmp_path / "whole"))
    for phase in ("r4", "r8"):
        found, _ = tensors.read(tmp_path / f"whole/models/{phase}/state.safetensors")
        assert found[FAKE_SCORE] > 0.5
    kills, chains = 0, 5
    for number in range(chains):
        project = of_least_squares(finished, tmp_path / f"{number}")
        chain = Chain(project, trials.random, change=forget_slowly)
        chain.run(KILLS, {name: seconds[name] for name in map(" ".join, TRAINING)})
        assert results(project.folder) == wanted
        kills += chain.kills
    trials.reached(f"{kills} kills in {chains} chains with noise in D")


@pytest.mark.faults
@pytest.mark.parametrize("system", [name for name, row in SYSTEMS.items() if row.encoder])
def test_systems_with_an_encoder_end_with_the_same_bits(
    system: str, finished: Project, seconds: dict[str, float], tmp_path: Path, trials: Trials
) -> None:
    wanted = trained(of_system(system, finished, tmp_path / "whole"))
    kills, chains = 0, 3
    for number in range(chains):
        project = of_system(system, finished, tmp_path / f"{number}")
        chain = Chain(project, trials.random)
        chain.run(KILLS, {name: seconds[name] for name in map(" ".join, TRAINING)})
        assert results(project.folder) == wanted
        kills += chain.kills
    trials.reached(f"{kills} kills in {chains} chains of a {system}")


def of_system(system: str, finished: Project, folder: Path) -> Project:
    """A project of another system, with its first weights and no phase yet."""
    project, row = untrained_copy(finished, folder), SYSTEMS[system]
    text = (folder / "params.yaml").read_text()
    for key, value in {"name": system, **row.decided, **row.decided_of_train}.items():
        was = "pggan" if key == "name" else r"\S+"
        text, found = re.subn(rf"(?m)^  {key}: {was}", f"  {key}: {str(value).lower()}", text)
        assert found == 1, key
    (folder / "params.yaml").write_text(text)
    command = Command(folder, "init")
    assert command.end() == 0, command.output
    return project


def of_least_squares(finished: Project, folder: Path) -> Project:
    """A project without a phase yet, whose D will be sure of the fakes."""
    project = untrained_copy(finished, folder)
    params, first = folder / "params.yaml", folder / "models/init/state.safetensors"
    text = params.read_text()
    assert text.count("loss: wgan-gp") == 1
    params.write_text(text.replace("loss: wgan-gp", "loss: lsgan"))
    named, facts = tensors.read(first)
    first.unlink()  # a link to DVC's cache
    tensors.save(first, {**named, FAKE_SCORE: torch.tensor(SURE)}, facts)
    sealed.seal(first.parent)
    return project


def trained(project: Project) -> dict[str, str]:
    """The results of a project's phases, which nothing interrupts."""
    for stage in TRAINING:
        command = Command(project.folder, *stage, change=forget_slowly)
        assert command.end() == 0, command.output
    return results(project.folder)


@pytest.mark.faults
def test_the_same_chain_fails_where_states_are_saved_in_place(
    untrained: Project, seconds: dict[str, float], trials: Trials
) -> None:
    chain = Chain(untrained, trials.random, change=save_in_place, saving=SLOW_WRITE)
    with pytest.raises(AssertionError, match=r"torn|set aside"):
        chain.run(10, {"train r4": seconds["train r4"]})
