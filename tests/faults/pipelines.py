"""A whole pipeline of a params.yaml in this process, tiny: what DVC would run, stage by stage."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tinyparams import ROOT

from faults.drawn import Document
from pgpipe import config
from pgpipe.data.feeding.multires import read_manifest
from pgpipe.errors import IntegrityError, UsageError, printable
from pgpipe.metrics import known, swd
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.training.quick_scorer import QuickScorer
from pgpipe.training.quick_task import Task
from pgpipe.training.quick_worker import Worker
from pgpipe.training.snapshots import Snapshots
from stages import (
    check,
    download,
    find,
    gate,
    init,
    machine,
    prepare,
    reference,
    sample,
    score,
    train,
)
from stages.paths import METRICS, MULTIRES

IMAGES = 36  # of each folder
FEW = 32  # images, below which there are no others to compare reals with


class Outcome(NamedTuple):
    """How a document ends: with scores of a data set of so many images, or refused by a stage."""

    refused_by: str = ""
    scores: Mapping[str, Any] = MappingProxyType({})
    images: int = 0

    @property
    def missing(self) -> dict[str, Any]:
        """The scores that are no numbers though they should be."""
        return {
            name: value
            for name, value in self.scores.items()
            if (value is None and not (self.images < FEW and name.endswith("_floor")))
            or (isinstance(value, float) and not math.isfinite(value))
        }


class Refused(Exception):  # noqa: N818 - no error: the user is told
    """A stage that may refuse parameters or data has refused them."""


class ScorerHere(QuickScorer):
    """Scores snapshots in this process, as they come."""

    worker: Worker | None = None

    def send(self, path: Path) -> None:
        """See `QuickScorer`."""
        self.worker = self.worker or Worker(self.task, self.snapshots.scores)
        self.worker.score(path)


@contextmanager
def scorer_here(snapshots: Snapshots, task: Task) -> Iterator[QuickScorer]:
    """In place of the process of its own."""
    yield ScorerHere(snapshots, task)


class Pipelines:
    """Runs documents; what they prepare is kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without what takes its time and depends on no parameter but those of the data."""
        self.folder, self.number = folder, 0
        self.sets: dict[str, str] = {}  # who refused each, if anybody
        write_images(folder)
        monkeypatch.delenv("DVC_ROOT", raising=False)
        monkeypatch.setattr("os.fsync", lambda _: None)
        monkeypatch.setattr(config, "parse_yaml", cache(config.parse_yaml))
        monkeypatch.setattr(train, "quick_scorer", scorer_here)
        monkeypatch.setattr(known, "checks", lambda *_: ())  # of the metrics, by many directions
        monkeypatch.setattr(swd, "DIRECTIONS", 8)

    def project(self, name: str, document: Document) -> Path:
        """A project with this params.yaml, whose images are those of all projects here."""
        here = self.folder / name
        (here / ".dvc").mkdir(parents=True)
        path = str(self.folder / document["dataset"]["path"])
        changed = {**document, "dataset": {**document["dataset"], "path": path}}
        (here / "params.yaml").write_text(json.dumps(changed))
        return here

    def data(self, document: Document) -> Path:
        """The prepared images of a document.

        Raises:
            Refused: there are none.
        """
        key = sha256_json(document["dataset"])[:16]
        if key not in self.sets:
            self.sets[key] = ""
            with chdir(self.project(key, document)):
                try:
                    for stage in (find, download, prepare):
                        attempt(stage.run)
                except Refused as refused:
                    self.sets[key] = str(refused)
        if self.sets[key]:
            raise Refused(self.sets[key])
        return self.folder / key / "data"

    def run(self, document: Document, processes: int = 1) -> Outcome:
        """Run a document to its end; an error of a stage that may not refuse it is a fault."""
        self.number += 1
        here = self.project(f"{self.number}", document)
        try:
            with chdir(here):
                return self.stages(document, processes)
        except Refused as refused:
            return Outcome(str(refused))
        finally:
            shutil.rmtree(here)

    def stages(self, document: Document, processes: int) -> Outcome:
        """Run the stages in the current folder, those that share work in so many processes."""
        attempt(check.run)
        shutil.rmtree("data")
        Path("data").symlink_to(self.data(document))
        attempt(gate.run)
        attempt(init.run)
        machine.run()
        phases = document["growth"]["phases"]
        for key in sorted(phases, key=lambda key: int(phases[key]["res"])):
            together(processes, "train", key) if processes > 1 else train.run(key)
        for stage in (reference, sample, score):
            together(processes, name_of(stage.run)) if processes > 1 else stage.run()
        count = read_manifest(MULTIRES)["count"]
        return Outcome(scores=json.loads(METRICS.read_text()), images=count)


def attempt(run: Callable[[], None]) -> None:
    """Run a stage that may refuse parameters or data, in one line.

    Raises:
        Refused: it did; with its name.
    """
    try:
        run()
    except (UsageError, IntegrityError) as error:
        if printable(str(error)) != str(error):
            raise
        raise Refused(name_of(run)) from error


def name_of(run: Callable[[], None]) -> str:
    """The stage that a function runs."""
    return run.__module__.removeprefix("stages.")


def together(processes: int, *command: str) -> None:
    """Run a command of pgpipe in so many processes.

    Raises:
        Refused: the minibatch does not divide into their parts, which is said in one line.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pgpipe", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PGPIPE_PROCESSES": f"{processes}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == UsageError.exit_code and "does not divide into parts" in done.stderr:
        raise Refused("processes")
    assert done.returncode == 0, done.stderr


def write_images(folder: Path) -> None:
    """Folders of images: of three classes, of each image twice, and without classes."""
    for kind in ("classes", "twins", "flat"):
        names = []
        for number in range(IMAGES):
            label = "" if kind == "flat" else "abc"[number % 3] + "/"
            seed = number // 6 * 3 + number % 3 if kind == "twins" else number
            shape = (64, 64 + 8 * (seed % 3), 3)
            pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
            names.append(f"{label}{number:02d}.png")
            (folder / kind / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / kind / names[-1])
        tables = {
            "labels.csv": ["name,label", *(f"{n},{'ab'[i % 2]}" for i, n in enumerate(names))],
            "captions.csv": [
                "name,text",
                *(f"{n},a {'red'[i % 3 :]} {i}" for i, n in enumerate(names)),
            ],
            "boxes.csv": ["name,left,top,width,height", *(f"{n},1,2,50,55" for n in names)],
            "names.txt": names[:30],
        }
        for name, lines in tables.items():
            (folder / kind / name).write_text("\n".join(lines) + "\n")
