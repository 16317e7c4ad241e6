"""The captured step: the numbers of the step itself, whatever differs between two of its calls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from specs import train_section
from taped import Tape, Taped
from tinyphase import FADE_STEPS, Count, Place, last_state
from tinytraining import CASES, assert_equal, minibatch, minibatches, networks, start
from torch import Tensor

from pgpipe.gan.networks import Networks, tensors_of
from pgpipe.gan.step import Step
from pgpipe.plumbing import tensors
from pgpipe.plumbing.processes.group import Processes
from pgpipe.training import phase
from pgpipe.training.capture import WARM_UP, CapturedStep, as_asked

pytestmark = pytest.mark.slow

COUNT = WARM_UP + 3  # steps


def captured(step: Step) -> CapturedStep:
    """A captured step on a CPU."""
    return CapturedStep(step, lambda: Taped(lambda: lasting(step.networks)))


def lasting(nets: Networks) -> list[Tensor]:
    """What a step changes."""
    return list(tensors_of(nets).values())


@pytest.mark.parametrize(("changes", "model", "fading"), CASES)
def test_replays_equal_steps_to_the_bit(
    changes: dict[str, Any], model: dict[str, Any], fading: bool
) -> None:
    """A number of the captured step that a later one should not have had would show."""
    train = train_section(**changes)
    ours, theirs = (start(train, **model) for _ in range(2))
    replayed, plain = captured(Step(ours, train)), Step(theirs, train)
    steps = minibatches(COUNT, train, ours.generator.spec.classes, fading)
    for number, batches in enumerate(steps):
        for nets in (ours, theirs):
            nets.set_learning_rate(0.001 * (number + 1))
        assert replayed(batches).equal(plain(batches))
    assert replayed.statistics is not None
    assert_equal(tensors_of(ours), tensors_of(theirs))


def test_a_number_of_the_host_would_show() -> None:
    """The comparison above, of a learning rate that is no tensor."""
    train = train_section()
    ours, theirs = (start(train) for _ in range(2))
    replayed, plain = captured(Step(ours, train)), Step(theirs, train)
    for number, batches in enumerate(minibatches(COUNT, train, 0, fading=False)):
        for nets, step in ((ours, replayed), (theirs, plain)):
            nets.optimisers["generator"].learning_rate = 0.001 * (number + 1)
            step(batches)
    weights = zip(ours.generator.parameters(), theirs.generator.parameters(), strict=True)
    assert not all(a.equal(b) for a, b in weights)


@pytest.mark.parametrize("refused", [lambda: torch.tensor(1.0), lambda: torch.ones(()).item()])
def test_the_stand_in_refuses_what_a_graph_does(refused: Callable[[], Any]) -> None:
    with Tape(), pytest.raises(RuntimeError, match="cannot be captured"):
        refused()


def test_each_part_of_a_phase_is_captured_once() -> None:
    train = train_section()
    nets = networks(train)
    made: list[Taped] = []

    def new_graph() -> Taped:
        made.append(Taped(lambda: lasting(nets)))
        return made[-1]

    step = CapturedStep(Step(nets, train), new_graph)
    for n in range(3 * WARM_UP):
        step([minibatch(8 * n, fade=0.5 if n < WARM_UP + 1 else None)])
    assert [bool(graph.tape.calls) for graph in made] == [True, True]


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_step_that_cannot_be_captured_is_taken_as_it_is(
    share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so in one line, once, wherever the capture fails: in D's part or in G's."""
    train = train_section()
    nets, theirs = (start(train) for _ in range(2))
    whole, counted, batch = Tape(), Step(start(train), train), minibatch()
    counted([batch])
    with whole:
        counted([batch])
    most = share * len(whole.calls)
    step = CapturedStep(Step(nets, train), lambda: Taped(lambda: lasting(nets), most))
    plain = Step(theirs, train)
    for n in range(2 * WARM_UP + 4):
        batches = [minibatch(8 * n, fade=0.5 if n <= WARM_UP else None)]
        assert step(batches).equal(plain(batches))
    assert_equal(tensors_of(nets), tensors_of(theirs))
    told = capsys.readouterr().err
    assert told.startswith("pgpipe: warning: ")
    assert told.endswith(" cannot be captured)\n")
    assert told.count("\n") == 1


def test_only_one_process_on_cuda_is_captured_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for capture in (True, False):
        train = train_section(capture=capture)
        step = Step(networks(train), train)
        assert as_asked(step) is step
        step.device = torch.device("cuda")
        assert isinstance(as_asked(step), CapturedStep) == capture
        step.processes = Processes()
        step.processes.count = 2
        assert as_asked(step) is step
        assert capsys.readouterr().err.count("train.capture: a plain step") == 2 * capture


@pytest.mark.parametrize("last", [None, WARM_UP + 1, FADE_STEPS + 2])
def test_a_captured_phase_ends_with_the_same_bits(
    place: Place,
    whole: tuple[Path, Count],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    last: int | None,
) -> None:
    """Through the end of its fade, where moments are forgotten; interrupted, too, and resumed."""
    monkeypatch.setattr(phase, "as_asked", captured)
    if last is not None:
        place.interrupted(tmp_path, last)
    place.run(tmp_path)
    assert_equal(*(tensors.read(last_state(states))[0] for states in (tmp_path, whole[0])))
    assert "not captured" not in capsys.readouterr().err
