"""Chains of kills: stages killed at random moments and started again until all are done."""

import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

from tinyproject import Project

from faults.warm import Change, Command, nothing
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.tracking.spool import read_points
from pgpipe.training.checkpoint import StateFolder

TRAINING = (("train", "r4"), ("train", "r8"), ("train", "r16"))
STAGES = (*TRAINING, ("sample",), ("score",), ("report",))
RESULTS = ("models", "samples", "reports")
PHASE_IMAGES = 400  # of a phase, but for the first
INTERVAL = 104  # images that a kill may cost: train.tick_kimg, and the step that crosses it


def results(project: Path) -> dict[str, str]:
    """The hashes of all files that the stages leave."""
    files = (f for name in RESULTS for f in (project / name).rglob("*") if f.is_file())
    return {str(f.relative_to(project)): sha256_file(f) for f in files if f.name != ".gitignore"}


def curves(project: Path) -> list[tuple[int, str, float]]:
    """All points of losses and scores that were logged, doubles included."""
    (file,) = project.glob(".pgpipe/runs/*/metrics.jsonl")
    points = read_points(file)[0]
    logged = [(p.step, name, value) for p in points for name, value in p.values.items()]
    return sorted(point for point in logged if point[1].startswith(("train/", "score/")))


def untrained_copy(finished: Project, folder: Path) -> Project:
    """A project that has run as far as the first weights, and no phase yet."""
    project = finished.untouched.copy(folder)
    for name in ("models/r4", "models/r8", "models/r16", "samples", "reports"):
        shutil.rmtree(folder / name)
    project.forget("train@", "sample", "score", "report")
    return project


def undisturbed_seconds(project: Project) -> dict[str, float]:
    """How long each stage takes that nothing interrupts."""
    seconds = {}
    for name in map(" ".join, STAGES):
        stage = Command(project.folder, *name.split())
        assert stage.end() == 0, stage.output
        seconds[name] = time.monotonic() - stage.started
    return seconds


@dataclass
class Chain:
    """A project whose stages are killed again and again."""

    project: Project
    random: random.Random
    change: Change = nothing
    saving: float = 0.03  # seconds in which a step ends and a state is saved
    kills: int = 0
    lost: list[int] = field(default_factory=list)  # images, a kill during training
    last: dict[str, int] = field(default_factory=dict)  # images of the newest state, by phase

    def run(self, kills: int, seconds: dict[str, float]) -> None:
        """Run all stages, which take so long undisturbed, with this many kills."""
        chosen = self.random.choices(list(seconds), list(seconds.values()), k=kills)
        for name in seconds:
            self.run_stage(name, chosen.count(name), seconds[name])

    def run_stage(self, name: str, kills: int, longest: float) -> None:
        """Run one stage to its end after so many kills."""
        while kills:
            stage = Command(self.project.folder, *name.split(), change=self.change)
            if self.reaches_a_moment(stage, longest):
                stage.send(SIGKILL, group=self.random.random() < 0.5)
                if stage.end() == -SIGKILL:
                    kills -= 1
                    self.check(stage, name)
            else:  # done: from now on kills meet a stage that only emits its result
                assert stage.end() == 0, stage.output
                longest = time.monotonic() - stage.started
        stage = Command(self.project.folder, *name.split(), change=self.change)
        assert stage.end() == 0, stage.output

    def reaches_a_moment(self, stage: Command, longest: float) -> bool:
        """Wait for a random moment, of all or of those in training; whether it still runs."""
        if self.random.random() < 0.5:
            return stage.runs(self.random.uniform(0, longest))
        images = self.random.randrange(PHASE_IMAGES)
        while stage.runs(0.002) and stage.trained < images:
            pass
        return stage.runs(self.random.uniform(0, self.saving))

    def check(self, stage: Command, name: str) -> None:
        """Whatever is there after a kill is whole, and little is lost."""
        self.kills += 1
        assert "Traceback" not in stage.output
        assert "set aside" not in stage.output, "a state is set aside"
        for folder in self.project.folder.glob(f".pgpipe/state/{name.split()[-1]}-*"):
            images = [int(p.name.split("-")[0]) for p in intact_states(folder)]
            newest = max(images, default=0)
            assert newest >= self.last.get(name, 0)
            self.last[name] = newest
            if stage.trained:
                self.lost.append(stage.trained - newest)
                assert self.lost[-1] <= INTERVAL


def intact_states(folder: Path) -> list[Path]:
    """The states of a phase, none of which is torn."""
    states = StateFolder(folder).states()
    torn = [state.name for state in states if sha256_file(state) not in state.name]
    assert not torn, f"torn: {torn}"
    assert not list(folder.glob("*.damaged"))
    return states
