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

RESOLUTION = 32  # of a phase from the start, which every system can have that does not say others


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
    """Return the parameters of a system in one phase, or in those that it is bound to.

    With other sizes where these are stated.
    """
    found, chain = deepcopy(document_of([], small=True)), chain_of(system)
    kimg = {"fade_kimg": 0, "stable_kimg": 6}
    phases = {
        f"r{res}": {"res": res, "from": SYSTEMS[system].origins(res)[0], **kimg} for res in chain
    }
    found["growth"] |= {"final": f"r{chain[-1]}", "phases": phases}
    found["model"] |= {"name": system, **sizes, **SYSTEMS[system].decided}
    found["train"] |= {"full_resolution": chain[-1], **SYSTEMS[system].decided_of_train}
    return found


def chain_of(system: str) -> tuple[int, ...]:
    """Return the resolutions of a system's phases, the first of which is timed."""
    return SYSTEMS[system].chain or (RESOLUTION,)


def measure(repeats: int, seconds: float, sizes: dict[str, Any] | None = None) -> Iterator[Speed]:
    """Time each system's step and its plain form in turns."""
    for system in SYSTEMS:
        with TemporaryDirectory() as folder:
            setting = setting_of(document(system, sizes or {}), system)
            trained = training(setting, f"r{chain_of(system)[0]}", "stable", Path(folder))
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
