"""The process that scores a phase's snapshots: `python -m pgpipe.training.quick_worker TASK TO`.

It reads the paths of snapshots from its standard input, a line each, and writes a row of scores
for each into the folder TO. It ends with its input, so it outlives the training by no more than a
snapshot. The last line of its standard error says what went wrong.
"""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import Chosen, ImageStore, read_captions, read_labels
from pgpipe.errors import IntegrityError, PgpipeError
from pgpipe.gan import latents
from pgpipe.gan.config import SPLITS, NetworkSpec
from pgpipe.gan.sampling import generator_of, render_all
from pgpipe.gan.text import conditions
from pgpipe.images import Images
from pgpipe.metrics.quick import QuickScores
from pgpipe.plumbing import tensors
from pgpipe.plumbing.processes.signals import SIGNALS
from pgpipe.plumbing.terminal import note
from pgpipe.training import hashed
from pgpipe.training.history import Row
from pgpipe.training.quick_task import FEATURES, Task
from pgpipe.training.snapshots import row_file, write_row

CPU = torch.device("cpu")
LOWEST = 19  # priority, beside a training: it takes what that leaves


class Worker:
    """Scores snapshots, all from the same latents and against the same reals."""

    def __init__(self, task: Task, to: Path) -> None:
        """Write the rows of scores into the folder `to`."""
        self.to = to
        stored = ImageStore(Path(task.data) / f"r{task.resolution}")
        store = mirrored.seen(stored, task.mirror, task.seed)
        self.task, self.count = task, min(task.images, len(store) // 2) // 2 * 2  # whole pairs
        self.drawn = max(self.count, task.inception_images)
        order = rng.permutation(len(store), rng.key(task.seed, "quick reals", 0)).numpy()
        reals, others = order[: self.count], np.roll(order, -self.count)[: self.drawn]
        network = None
        if task.inception:
            network = import_module(FEATURES).network(CPU)
        self.quick = QuickScores(
            Chosen(store, reals),
            Chosen(store, others),
            task.seed,
            CPU,
            network,
            splits=SPLITS if task.inception_images else 1,
        )

    def score(self, path: Path) -> None:
        """Write the row of the snapshot `path`: its facts, the number of images, the scores."""
        try:
            data = hashed.read(path)
        except FileNotFoundError:  # scored, by the process of a training that was killed
            return
        if data is None:
            raise IntegrityError(f"{path}: damaged (hash differs); delete it and run again")
        named, facts = tensors.parse(data)
        row = {**facts["row"], "images": self.count, **self.quick.of(self.draw(named, facts))}
        write_row(row_file(self.to, hashed.images_of(path)), row)

    def draw(self, named: tensors.Tensors, facts: Row) -> Images:
        """The images to score: uint8 [N, R, R, C]."""
        generator, fade = generator_of(named, facts), facts["row"]["fade"]
        z = self.latents(generator.spec)
        labels = self.labels(generator.spec) if generator.spec.condition else None
        return render_all(generator, z, labels, torch.tensor(fade) if fade < 1 else None)

    def latents(self, spec: NetworkSpec) -> Tensor:
        """Return the latents of the images to score: [N, latent_size]."""
        return latents.draw(spec, self.drawn, rng.key(self.task.seed, "quick latents", 0))

    def labels(self, spec: NetworkSpec) -> Tensor:
        """As frequent as in the data: int64 [N], or captions' vectors [N, 256]."""
        folder = Path(self.task.data)
        given = conditions(spec, read_labels(folder), read_captions(folder))
        assert given.numbers is not None
        key = rng.key(self.task.seed, "quick labels", 0)
        return given.of(given.numbers[rng.integers(len(given.numbers), (self.drawn,), key)])


def main(task: Task, to: Path) -> None:
    """Score until the input ends."""
    if task.backlog:
        os.nice(LOWEST)
    for number in SIGNALS:  # to the whole group, so that the training hears it, too
        signal.signal(number, signal.SIG_IGN)
    if task.threads:
        torch.set_num_threads(task.threads)
    worker = Worker(task, to)
    for line in sys.stdin:
        worker.score(Path(line.rstrip("\n")))


if __name__ == "__main__":
    try:
        main(Task(**json.loads(sys.argv[1])), Path(sys.argv[2]))
    except PgpipeError as error:
        note(error)
        sys.exit(error.exit_code)
