"""Images a second of the training step, beside what the device attains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from benchmarks import attainable, counts
from benchmarks.settings import Setting
from benchmarks.steps import Part, parts_of, step_of, training
from benchmarks.timing import Work, in_turns
from pgpipe.training.phase import PhaseTraining

Kind = Part | Literal["product", "convolution"]  # what is timed
Trainings = Mapping[tuple[str, Part], PhaseTraining]  # by the name of a setting


@dataclass(frozen=True)
class Speed:
    """A part of a phase in one setting."""

    key: str
    part: Part
    beside: str  # what differs from the first setting, whose own is ""
    minibatch: int
    images_per_second: float
    flop_per_image: float
    product: float  # operations a second of a product of matrices, in the same turns
    convolution: float  # the same of a convolution
    outside: float | None  # share of the step outside of torch's operations; None: on a GPU
    peak_bytes: int  # of the phase

    @property
    def flops(self) -> float:
        """Operations a second."""
        return self.images_per_second * self.flop_per_image

    @property
    def attainable(self) -> float:
        """The most operations a second that the device was seen to do."""
        return max(self.product, self.convolution)


def measure(settings: Mapping[str, Setting], repeats: int, seconds: float) -> Iterator[Speed]:
    """Measure the phases that lead to the final one, the settings of each in turns."""
    for key, phase in settings[""].growth.chain():
        peaks = {name: counts.peak_bytes(setting, key) for name, setting in settings.items()}
        with TemporaryDirectory() as folder:
            trainings = {
                (name, part): training(setting, key, part, Path(folder))
                for name, setting in settings.items()
                for part in parts_of(phase)
            }
            yield from speeds(trainings, repeats, seconds, peaks)


def speeds(
    trainings: Trainings, repeats: int, seconds: float, peaks: Mapping[str, int]
) -> Iterator[Speed]:
    """Time the steps of one phase and, between them, what the device attains."""
    works = references(trainings)
    works.update({cell: step_of(trained) for cell, trained in trainings.items()})
    flop = {cell: counts.flop(work.call) for cell, work in works.items()}
    time = in_turns(works, repeats, seconds)
    for (name, part), trained in trainings.items():
        job, on_cpu = trained.job, trained.batches.device.type == "cpu"
        yield Speed(
            key=job.key,
            part=part,
            beside=name,
            minibatch=job.minibatch,
            images_per_second=job.step_images / time[name, part],
            flop_per_image=flop[name, part] / job.step_images,
            product=flop[name, "product"] / time[name, "product"],
            convolution=flop[name, "convolution"] / time[name, "convolution"],
            outside=counts.outside(works[name, part]) if on_cpu else None,
            peak_bytes=peaks[name],
        )


def references(trainings: Trainings) -> dict[tuple[str, Kind], Work]:
    """What the device attains in each setting."""
    works: dict[tuple[str, Kind], Work] = {}
    for name, section in {name: t.job.section for (name, _), t in trainings.items()}.items():
        works[name, "product"] = attainable.product(section)
        works[name, "convolution"] = attainable.convolution(section)
    return works
