"""Training one phase of the growth: draw, step, average, record, save."""

from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

import torch
from torch import Tensor

from pgpipe.data.feeding.batches import Batches
from pgpipe.errors import DivergedError, Interrupted
from pgpipe.gan.networks import build, tensors_of
from pgpipe.gan.sampling import drawing, facts_of, render_all
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import grid, write_png
from pgpipe.plumbing.layout import (
    PREVIEW_COLUMNS,
    PREVIEW_LABELS,
    PREVIEW_LATENTS,
    PREVIEW_TILE,
    PREVIEWS,
    STATE_FORMAT,
    preview_name,
)
from pgpipe.plumbing.processes.group import ALONE, Processes
from pgpipe.plumbing.timer import Timer
from pgpipe.training.capture import as_asked
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.draw import Draw
from pgpipe.training.finite import (
    EVERY_STEPS,
    NotFiniteError,
    not_finite,
    note_rollback,
    rolled_back,
)
from pgpipe.training.history import PLACE, Row
from pgpipe.training.job import Job, Progress
from pgpipe.training.listener import Listener
from pgpipe.training.numerics import out_of_memory, platform
from pgpipe.training.quick_scorer import NO_SCORER, Scorer, follow

FIRST_REALS = 500  # that minibatch discrimination is fitted to, as in the Theano code


class PhaseTraining:
    """A phase from its first step, or its last saved state, to its end."""

    def __init__(
        self,
        job: Job,
        batches: Batches,
        states: StateFolder,
        listener: Listener,
        scorer: Scorer = NO_SCORER,
        processes: Processes = ALONE,
    ) -> None:
        self.job, self.batches, self.states = job, batches, states
        self.listener, self.scorer, self.processes = listener, scorer, processes
        self.draw = Draw(job, batches)
        self.unsaved = Timer(60 * job.section.checkpoint_minutes)
        self.restore()

    def restore(self) -> None:
        """Stand at the last saved state, or at the start."""
        job, device = self.job, self.batches.device
        saved = self.processes.in_turn(lambda: self.states.newest(job.end))
        tensors, self.progress = (
            (saved[0], Progress(**saved[1]["progress"]))
            if saved
            else (
                job.tensors,
                Progress(rows=list(job.rows_before), sums=[0.0] * len(job.statistics)),
            )
        )
        rate = job.learning_rate(self.progress.images)
        self.networks = build(job.spec, job.phase.res, tensors, job.section, rate, device)
        if not saved and job.phase.origin == "init":
            self.networks.fit(self.first_reals, but=job.trained)
        step = resolve_name(SYSTEMS[job.spec.name].step)
        self.step = as_asked(step(self.networks, job.step_section, self.processes))
        self.sums = torch.tensor(self.progress.sums, device=device)

    def first_reals(self) -> tuple[Tensor, Tensor | None]:
        """Return uint8 [N, R, R, C] and what D takes for labels, in whole groups of stddev.

        No image comes twice.
        """
        count, group = min(FIRST_REALS, len(self.batches.store)), self.job.spec.stddev_group
        if group and group < count:
            count -= count % group
        images, labels = self.batches.reals(0, count)
        codes = self.batches.codes
        return images, labels if labels is None or codes is None else codes[labels]

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Train to the end of the phase, or until `stop()`; either way the state is saved.

        Raises:
            Interrupted: `stop()` became true.
            DivergedError: a loss, weight or moment is not finite, and was not once before.
        """
        while self.progress.images < self.job.end:
            try:
                self.advance(stop)
            except NotFiniteError as found:
                self.roll_back(str(found))
        row = self.job.row_since_tick(self.progress)
        if row and self.processes.writes:
            self.show(row)
        if not follow(self.scorer, self.listener, 0, stop):
            raise self.interrupted()
        if self.processes.writes:
            self.states.finish(self.progress.images)

    def advance(self, stop: Callable[[], bool]) -> None:
        """One step, and what is due after it."""
        self.train_step()
        ticked = self.job.ticks(self.progress.images)
        stopping, unsaved = self.processes.any(stop(), self.unsaved.elapsed())
        ended = self.progress.images >= self.job.end
        saving = ticked or stopping or unsaved or ended
        if saving or self.progress.steps % EVERY_STEPS == 0:
            self.require_finite()
        if ticked:
            self.tick()
        if saving:
            self.save()
        if stopping and not ended:
            raise self.interrupted()
        if ticked:
            follow(self.scorer, self.listener, self.scorer.backlog, stop)

    def require_finite(self) -> None:
        """Raise NotFiniteError in all processes, where one has a number that is not finite."""
        found = not_finite(
            {**dict(zip(self.job.statistics, self.sums, strict=True)), **tensors_of(self.networks)}
        )
        if any(self.processes.any(found is not None)):
            raise NotFiniteError(found or "a tensor of another process")

    def roll_back(self, tensor: str) -> None:
        """Go back to the last saved state, the first time that a tensor is not finite."""
        at = self.job.kimg(self.progress.images)
        (before,) = self.processes.any(rolled_back(self.states.folder))
        if before:
            raise DivergedError(
                f"{self.job.key}: {tensor} is not finite at {at:g} kimg, once more after a "
                "rollback; lower the learning rate (the last good state is kept)"
            )
        if self.processes.writes:
            note_rollback(self.states.folder, tensor, at)
        self.restore()
        self.listener.on_rollback(tensor, at, self.job.kimg(self.progress.images))

    def interrupted(self) -> Interrupted:
        """How a training ends that was asked to."""
        at = self.job.kimg(self.progress.images)
        return Interrupted(f"{self.job.key}: interrupted at {at:g} kimg, state saved")

    def train_step(self) -> None:
        """One step of G, with those of D that go with it."""
        job, progress = self.job, self.progress
        if job.section.adam_reset == "fades" and job.fade_just_ended(progress.images):
            self.networks.reset_adam()
        if job.section.ramp_up_kimg:
            self.networks.set_learning_rate(job.learning_rate(progress.images))
        fade = job.phase.fade(progress.images)
        try:
            self.sums += self.step(self.draw(progress.images))
        except torch.OutOfMemoryError as error:
            raise out_of_memory(error, job.minibatch) from None
        progress.images += job.step_images
        progress.steps += 1
        self.listener.on_step(progress.images, fade)

    def tick(self) -> None:
        """Record the means since the last tick, and a preview."""
        progress = self.progress
        progress.sums = self.sums.tolist()
        row = self.job.row(progress)
        progress.rows.append(row)
        progress.steps = 0
        self.sums.zero_()
        if self.processes.writes:
            self.show(row)

    def show(self, row: Row) -> None:
        """Tell of a tick, and leave a snapshot to be scored."""
        self.listener.on_tick(row, self.preview())
        job, place = self.job, {name: row[name] for name in PLACE}
        facts = {**facts_of(job.spec, job.phase.res), **job.about, "row": place}
        self.scorer.add(self.progress.images, drawing(tensors_of(self.networks), job.spec), facts)

    def preview(self) -> Path:
        """The fixed latents as the averaged generator draws them now, as a picture."""
        job, name = self.job, preview_name(self.job.key, self.progress.images)
        labels = job.tensors[PREVIEW_LABELS] if job.spec.condition else None
        latents = job.tensors[PREVIEW_LATENTS]
        drawn = render_all(
            self.networks.average, latents, labels, self.draw.fade(self.progress.images)
        )
        path = self.states.folder / PREVIEWS / name
        write_png(path, grid(drawn, PREVIEW_COLUMNS, PREVIEW_TILE))
        return path

    def save(self) -> None:
        """Write the state: all that this phase, or the next one, goes on from."""
        named = tensors_of(self.networks)
        job, progress = self.job, self.progress
        progress.sums = self.sums.tolist()
        facts = {
            "format": STATE_FORMAT,
            "phase": job.key,
            "resolution": job.phase.res,
            "images_seen": job.images_before + progress.images,
            "spec": job.spec.model_dump(),
            "about": dict(job.about),
            "platform": platform(job.section),
            "progress": vars(progress),
            "row": job.row_since_tick(progress),
        }
        if self.processes.writes:
            self.states.save(progress.images, {**named, **job.previews}, facts)
        self.unsaved.restart()
