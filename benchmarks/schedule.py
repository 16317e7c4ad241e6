"""Hours that a whole training takes on this device, from rates that are measured now.

Training alone: not the data's preparation, ticks with their pictures and states, or scores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.settings import Setting
from benchmarks.steps import Part, parts_of, step_of, training
from benchmarks.timing import in_turns
from pgpipe.gan.schedule import GrowthSection, Phase, kimg
from pgpipe.plumbing.terminal import table_lines

HEAD = ("phase", "kimg", "images/s", "hours")
TURNS, SECONDS = 3, 1.0  # of a step, see timing.in_turns

Rates = Mapping[tuple[str, Part], float]  # images a second, of each part of each phase


@dataclass(frozen=True)
class Stretch:
    """A part of a phase."""

    key: str
    part: Part
    images: int
    images_per_second: float

    @property
    def hours(self) -> float:
        """How long it takes."""
        return self.images / self.images_per_second / 3600


def rates_of(setting: Setting) -> Rates:
    """Measure every part of the phases that lead to the final one."""
    return {
        (key, part): rate
        for key, _ in setting.growth.chain()
        for part, rate in rates_of_phase(setting, key).items()
    }


def rates_of_phase(setting: Setting, key: str) -> dict[Part, float]:
    """Images a second of each part of one phase."""
    with TemporaryDirectory() as folder:
        parts = parts_of(setting.growth.phases[key])
        trainings = {part: training(setting, key, part, Path(folder)) for part in parts}
        seconds = in_turns({p: step_of(t) for p, t in trainings.items()}, TURNS, SECONDS)
        return {part: t.job.step_images / seconds[part] for part, t in trainings.items()}


def stretches(growth: GrowthSection, rates: Rates) -> list[Stretch]:
    """All that leads to the final phase's end, in order."""
    return [
        Stretch(key, part, images_of(phase, part), rates[key, part])
        for key, phase in growth.chain()
        for part in parts_of(phase)
    ]


def images_of(phase: Phase, part: Part) -> int:
    """Real images that a part of a phase shows."""
    return phase.fade_images if part == "fade" else phase.images - phase.fade_images


def lines(found: Sequence[Stretch]) -> Iterator[str]:
    """A line a part of a phase, and their sum, for a terminal."""
    rows = [
        (
            f"{s.key} {s.part}",
            f"{kimg(s.images):g}",
            f"{s.images_per_second:.4g}",
            in_hours(s.hours),
        )
        for s in found
    ]
    images, hours = sum(s.images for s in found), sum(s.hours for s in found)
    total = ("total", f"{kimg(images):g}", f"{images / hours / 3600:.4g}", in_hours(hours))
    yield from table_lines([*rows, total], HEAD, (1, 2, 3))


def in_hours(hours: float) -> str:
    """Hours, and days where they are many."""
    return f"{hours:.3g} h" if hours < 72 else f"{hours / 24:.3g} days"
