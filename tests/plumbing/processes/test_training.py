"""Two processes train as one does: the same minibatches, to float rounding."""

from pathlib import Path

import pytest
import torch
import torchrun
from specs import train_section
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from pgpipe.errors import INTERRUPTED, ResourceError, UsageError
from pgpipe.plumbing import tensors
from pgpipe.plumbing.processes import elastic, lastwords, launch
from pgpipe.plumbing.processes.group import ALONE
from pgpipe.plumbing.processes.lastwords import Words
from pgpipe.training import numerics
from pgpipe.training.checkpoint import StateFolder

TWENTY_STEPS = """
import sys, torch
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)
from pathlib import Path
from tinyphase import Count, Place, phase
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.phase import PhaseTraining
from pgpipe.plumbing.processes.group import join
place = Place(Path(sys.argv[1]), train={"minibatch_stddev": 2, "mirror": True, "loss": sys.argv[3]})
first = phase(**{"from": "init"}, res=8, fade_kimg=0, stable_kimg=20 * 8 / 1000)
with join(torch.device("cpu")) as group:
    training = PhaseTraining(
        place.first_job(first), place.batches(8), StateFolder(Path(sys.argv[2])), Count(),
        processes=group,
    )
    training.run()
"""


def train(folder: Path, name: str, processes: int, loss: str) -> dict[str, torch.Tensor]:
    """Twenty steps in float64; the last state."""
    script = folder / "script.py"
    script.write_text(TWENTY_STEPS)
    torchrun.run(script, str(folder / "data"), str(folder / name), loss, processes=processes)
    state = StateFolder(folder / name).result(20 * 8)
    assert state is not None
    return tensors.read(state)[0]


@pytest.mark.parametrize("loss", ["wgan-gp", pytest.param("lsgan", marks=pytest.mark.faults)])
def test_twenty_steps_of_two_processes_are_those_of_one(loss: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    one, two = (train(tmp_path, f"of {n}", n, loss) for n in (1, 2))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-6, atol=1e-9, msg=name)


# One process, and what the environment asks for


def test_a_process_alone_is_the_first_and_asks_nobody() -> None:
    value = torch.tensor([1.0, 2.0])
    ALONE.mean_([value])
    assert value.tolist() == [1.0, 2.0]
    assert ALONE.any(True, False) == [True, False]
    assert ALONE.in_turn(lambda: 3) == 3
    assert ALONE.writes


@pytest.mark.parametrize("asked", ["0", "-1", "two", "", "1_0", "999999", "9" * 5000])
def test_what_is_no_number_of_processes_is_refused(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(launch.VARIABLE, asked)
    with pytest.raises(UsageError, match=r"PGPIPE_PROCESSES: .* is not a number from 1 to \d+$"):
        launch.wanted()


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "LOCAL_WORLD_SIZE"])
@pytest.mark.parametrize("value", ["0", "x", "1e9", "99999999"])
def test_what_torchrun_says_is_a_number(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=rf"{variable}: '{value}' is not a number from 1 to 65536"):
        numerics.platform(train_section(threads=0))


def test_a_process_that_was_launched_launches_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(launch.VARIABLE, "4")
    assert launch.wanted() == 4
    monkeypatch.setenv("RANK", "1")
    assert launch.wanted() == 1


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ({}, INTERRUPTED),
        ({0: INTERRUPTED, 1: INTERRUPTED}, INTERRUPTED),
        ({0: -15, 1: INTERRUPTED, 2: -2}, INTERRUPTED),
        ({1: 70, 0: 4}, 4),
        ({0: -9, 1: 6}, 6),
        ({0: INTERRUPTED, 1: 3}, 3),
    ],
)
def test_the_exit_code_is_that_of_the_first_process_which_chose_one(
    codes: dict[int, int], code: int
) -> None:
    assert elastic.error_of(codes, {}).exit_code == code


@pytest.mark.parametrize("other", [{}, {0: INTERRUPTED}, {0: -15}, {0: -9}])
def test_a_process_that_was_killed_is_said(other: dict[int, int]) -> None:
    """The launcher ends the others, at last by the same signal."""
    failures = {
        rank: ProcessFailure(rank, 1, code, "none") for rank, code in {**other, 1: -9}.items()
    }
    failures[1].timestamp = 0
    codes = elastic.codes_of(ChildFailedError("stage", failures))
    error = elastic.error_of(codes, {0: Words(INTERRUPTED, "another has ended")})
    assert isinstance(error, ResourceError)
    assert str(error).startswith("process 1 was killed (signal 9)")


def test_what_is_said_is_what_the_process_said_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not lastwords.leave(2, "nobody listens")
    words = [Words(INTERRUPTED, "another has ended"), Words(3, "samples: damaged")]
    for rank, said in enumerate(words):
        file = tmp_path / f"run/attempt_0/{rank}/error.json"
        monkeypatch.setenv(lastwords.VARIABLE, str(file))
        assert lastwords.leave(*said)
    for stopped_on_its_way_out in (3, -15):
        codes = {0: INTERRUPTED, 1: stopped_on_its_way_out}
        error = elastic.error_of(codes, lastwords.left(tmp_path))
        assert (error.exit_code, str(error)) == (3, "samples: damaged")
