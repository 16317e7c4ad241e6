"""Images a second of each system's step, beside its plainest writing in tests/literal."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.literal import literal
from benchmarks.settings import document_of, setting_of
from benchmarks.steps import step_of, training
from benchmarks.timing import Work, in_turns
from pgpipe.gan.systems import SYSTEMS
from pgpipe.training.phase import PhaseTraining

RESOLUTION = 32  # of a phase from the start, which every system can have


class Speed(NamedTuple):
    """Images a second of a system's step, and of the plain one."""

    system: str
    ours: float
    plain: float

    def __str__(self) -> str:
        """Return a line for people."""
        times = self.ours / self.plain
        return f"{self.system}: {self.ours:.1f} images/s, {times:.2f} times the plain step's"


def document(system: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a system in one phase, with other sizes where these are stated."""
    found = deepcopy(document_of([], small=True))
    phase = {"res": RESOLUTION, "from": "init", "fade_kimg": 0, "stable_kimg": 6}
    found["growth"] = {"final": f"r{RESOLUTION}", "phases": {f"r{RESOLUTION}": phase}}
    found["model"] |= {"name": system, **sizes, **SYSTEMS[system].decided}
    found["train"] |= {"full_resolution": RESOLUTION, **SYSTEMS[system].decided_of_train}
    return found


def measure(repeats: int, seconds: float, sizes: dict[str, Any] | None = None) -> Iterator[Speed]:
    """Time each system's step and its plain form in turns."""
    for system in SYSTEMS:
        with TemporaryDirectory() as folder:
            setting = setting_of(document(system, sizes or {}), system)
            trained = training(setting, f"r{RESOLUTION}", "stable", Path(folder))
            works = {"ours": step_of(trained), "plain": Work(plain(trained))}
            time = in_turns(works, repeats, seconds)
            images = trained.job.step_images
            yield Speed(system, images / time["ours"], images / time["plain"])


def plain(trained: PhaseTraining) -> Callable[[], object]:
    """Return a step written out from the formulas, on copies of a training's networks."""
    encodes = SYSTEMS[trained.job.spec.name].encoder
    twin = literal("autoencoder").CodingTwin if encodes else literal("step").Twin
    step = twin(trained.networks, trained.job.section)
    return lambda: step(trained.draw(trained.progress.images))
