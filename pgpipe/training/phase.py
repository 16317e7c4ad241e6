"""Training one phase of the growth: draw, step, average, record, save."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from pgpipe.data.batches import Batches
from pgpipe.errors import DivergedError, Interrupted
from pgpipe.images import grid, to_float, write_png
from pgpipe.layout import PREVIEW_COLUMNS, PREVIEW_LABELS, PREVIEW_LATENTS, PREVIEW_TILE, PREVIEWS
from pgpipe.nets.sampling import render_all
from pgpipe.schedule import kimg
from pgpipe.timer import Timer
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.job import Job, Progress
from pgpipe.training.networks import build, tensors_of
from pgpipe.training.numerics import out_of_memory, platform
from pgpipe.training.objective import FIGURES, Minibatch
from pgpipe.training.step import Step

FIRST_REALS = 500  # that minibatch discrimination is fitted to, as in the Theano code


class Listener(Protocol):
    """Who wants to know: a progress bar, a tracker. None of it influences the training."""

    def on_step(self, images: int, fade: float) -> None:
        """`images` of this phase were seen, the last of them at `fade`."""

    def on_tick(self, row: Row, preview: Path) -> None:
        """A row of history, and the picture of the fixed latents at that moment."""


class PhaseTraining:
    """A phase from its first step, or its last saved state, to its end."""

    def __init__(self, job: Job, batches: Batches, states: StateFolder, listener: Listener) -> None:
        self.job, self.batches, self.states, self.listener = job, batches, states, listener
        saved = states.newest()
        tensors, self.progress = (
            (saved[0], Progress(**saved[1]["progress"]))
            if saved
            else (job.tensors, Progress(rows=list(job.rows_before)))
        )
        rate = job.learning_rate(self.progress.images)
        self.networks = build(job.spec, job.phase.res, tensors, job.section, rate, batches.device)
        if not saved and job.phase.origin == "init":
            count = min(FIRST_REALS, len(batches.store))  # each once: twins would be at distance 0
            self.networks.discriminator.fit(to_float(batches.reals(0, count)[0]))
        self.step = Step(self.networks, job.section)
        self.sums = torch.tensor(self.progress.sums, device=batches.device)

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the end of the phase, or until `stop()`; either way the state is saved.

        Raises:
            Interrupted: `stop()` became true.
            DivergedError: a loss is not finite.
        """
        job, progress = self.job, self.progress
        unsaved = Timer(60 * job.section.checkpoint_minutes)
        while progress.images < job.phase.images:
            self.train_step()
            ticked = self.at_tick()
            stopping = stop()
            if ticked:
                self.tick()
            if ticked or stopping or unsaved.elapsed():
                self.save()
                unsaved.restart()
            if stopping and progress.images < job.phase.images:
                at = kimg(job.images_before + progress.images)
                raise Interrupted(f"{job.key}: interrupted at {at:g} kimg, state saved")
        self.states.finish()

    def train_step(self) -> None:
        """One step of G, with those of D that go with it."""
        job, progress = self.job, self.progress
        if job.section.adam_reset == "fades" and self.fade_just_ended():
            self.networks.reset_adam()
        if job.section.ramp_up_kimg:
            self.networks.set_learning_rate(job.learning_rate(progress.images))
        fade = job.phase.fade(progress.images)
        try:
            self.sums += self.step(self.minibatches())
        except torch.OutOfMemoryError as error:
            raise out_of_memory(error, job.minibatch) from None
        progress.images += job.step_images
        progress.steps += 1
        self.listener.on_step(progress.images, fade)

    def minibatches(self) -> list[Minibatch]:
        """The reals, labels and counters of the next step, one for each step of D."""
        count, fade = self.job.minibatch, self.fade()
        first = self.job.images_before + self.progress.images
        return [
            self.minibatch_after(first + number * count, fade)
            for number in range(self.job.section.discriminator_steps)
        ]

    def minibatch_after(self, seen: int, fade: Tensor | None) -> Minibatch:
        """The reals, labels and counters after `seen` images."""
        images, labels = self.batches.reals(seen, self.job.minibatch)
        return Minibatch(
            images=images,
            labels=labels,
            labels_g=self.batches.random_labels(seen, self.job.minibatch),
            seen=torch.tensor(seen, device=self.batches.device),
            fade=fade,
        )

    def fade(self) -> Tensor | None:
        """Weight [] of the newest layers now; None in the stable part."""
        phase, images = self.job.phase, self.progress.images
        if phase.part(images) == "stable":
            return None
        return torch.tensor(phase.fade(images), device=self.batches.device)

    def fade_just_ended(self) -> bool:
        """Whether the next step is the first of the stable part."""
        now, before = self.progress.images, self.progress.images - self.job.step_images
        part = self.job.phase.part
        return before >= 0 and part(now) == "stable" and part(before) == "fade"

    def at_tick(self) -> bool:
        """Whether the last step crossed a multiple of the tick, or ended the phase."""
        images, tick = self.progress.images, self.job.section.tick_images
        crossed = images // tick > (images - self.job.step_images) // tick
        return crossed or images >= self.job.phase.images

    def tick(self) -> None:
        """Record the means since the last tick, and a preview."""
        self.require_finite(dict(zip(FIGURES, self.sums, strict=True)))
        progress = self.progress
        means = dict(zip(FIGURES, (self.sums / progress.steps).tolist(), strict=True))
        self.sums.zero_()
        progress.steps = 0
        row = self.row(means)
        progress.rows.append(row)
        self.listener.on_tick(row, self.preview())

    def require_finite(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise DivergedError that names the first tensor with a number that is not finite."""
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                at = kimg(self.job.images_before + self.progress.images)
                raise DivergedError(
                    f"{self.job.key}: {name} is not finite at {at:g} kimg; lower the learning rate "
                    "(the last good state is kept)"
                )

    def row(self, means: Mapping[str, float]) -> Row:
        """The row of history for now."""
        job, images = self.job, self.progress.images
        return {
            "kimg": kimg(job.images_before + images),
            "phase": job.key,
            "resolution": job.phase.res,
            "fade": job.phase.fade(images),
            "minibatch": job.minibatch,
            "learning_rate": job.learning_rate(images),
            **means,
        }

    def preview(self) -> Path:
        """The fixed latents as the averaged generator draws them now, as a picture."""
        job, name = self.job, f"{self.job.key}-{self.progress.images:09d}.png"
        labels = job.tensors[PREVIEW_LABELS] if job.spec.classes else None
        latents = job.tensors[PREVIEW_LATENTS]
        drawn = render_all(self.networks.average, latents, labels, self.fade())
        path = self.states.folder / PREVIEWS / name
        write_png(path, grid(drawn, PREVIEW_COLUMNS, PREVIEW_TILE))
        return path

    def save(self) -> None:
        """Write the state: all that this phase, or the next one, goes on from."""
        named = tensors_of(self.networks)
        self.require_finite({**dict(zip(FIGURES, self.sums, strict=True)), **named})
        job, progress = self.job, self.progress
        progress.sums = self.sums.tolist()
        facts = {
            "phase": job.key,
            "resolution": job.phase.res,
            "images_seen": job.images_before + progress.images,
            "spec": job.spec.model_dump(),
            "platform": platform(job.section),
            "progress": vars(progress),
        }
        self.states.save(progress.images, {**named, **job.previews}, facts)
