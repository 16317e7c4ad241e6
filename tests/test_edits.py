"""Whoever edits code gets its result, and keeps what does not depend on it; undone, the first bits.

Stages run as DVC runs them, each in a process of its own.
"""

import json
from pathlib import Path

import pytest
from tinyproject import Project

from pgpipe.config import load_yaml
from pgpipe.experiments.runs import is_current
from pgpipe.plumbing.hashes import sha256_tree

pytestmark = pytest.mark.slow

SETTINGS = """\
# Two phases of a few steps, of which the second is scored.
growth:
  final: r16
  phases: {r4: null, r8: null, r16: {from: init, fade_kimg: 0, stable_kimg: 0.064}, r32: null}
train: {tick_kimg: 0.032, minibatch: 8, quick_images: 8, select: last}
"""
PREPARED, STATE, SCORES = "data/multires", "models/r16/state.safetensors", "models/r16/scores.csv"
RUNS, STATES = ".pgpipe/runs", ".pgpipe/state"


class Edited:
    """A project in which one file is edited, a stage run, and what came of it compared."""

    def __init__(self, project: Project) -> None:
        self.project = project
        for stage in ("machine", "download", "prepare", "init"):
            self.stage(stage)
        self.train()
        self.first = {name: self.hash(name) for name in (PREPARED, STATE, SCORES)}
        self.prepared_at = self.written(PREPARED + "/r16/00000.npy")

    def stage(self, *arguments: str) -> str:
        return self.project.run("pgpipe", *arguments)

    def train(self) -> str:
        return self.stage("train", "r16")

    def hash(self, name: str) -> str:
        return sha256_tree(self.project.folder / name)

    def written(self, name: str) -> int:
        """Which file it is: one that is linked again is the same."""
        return (self.project.folder / name).stat().st_ino

    def count(self, name: str) -> int:
        return len([path for path in (self.project.folder / name).iterdir() if path.is_dir()])

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.project.folder / file
        text = path.read_text()
        assert text.count(old) >= 1, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def append(self, file: str) -> None:
        """Something that is no comment."""
        with (self.project.folder / file).open("a") as opened:
            opened.write("\nUNUSED = 1\n")

    def undo(self) -> None:
        self.project.git("checkout", "-q", "--", "pgpipe", "stages")


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    project = Project(tmp_path_factory.mktemp("edited")).create()
    (project.folder / "presets/edits.yaml").write_text(SETTINGS)
    project.run("pgpipe", "preset", "tiny", "edits", "--force")
    project.commit()
    return Edited(project)


def test_an_edited_loss_is_trained_and_undone_gives_the_first_bits(edited: Edited) -> None:
    """The instance that went wrong: the old generator came back, bit for bit."""
    states, runs = edited.count(STATES), edited.count(RUNS)
    edited.edit("pgpipe/gan/losses/wgan_gp.py", "return fake.mean()", "return 3 * fake.mean()")
    edited.train()
    assert edited.hash(STATE) != edited.first[STATE]
    assert (edited.count(STATES), edited.count(RUNS)) == (states + 1, runs + 1)
    edited.undo()
    edited.train()
    assert edited.hash(STATE) == edited.first[STATE]
    assert (edited.count(STATES), edited.count(RUNS)) == (states + 1, runs + 1)


OTHERS = (  # what a training with this loss, network and data set does not import
    "pgpipe/gan/losses/hinge.py",
    "pgpipe/gan/dcgan.py",
    "pgpipe/data/sources/parquet.py",
    "pgpipe/commands/app.py",
    "pgpipe/reporting/page.py",
)


def test_edits_that_the_weights_do_not_depend_on_keep_them(edited: Edited) -> None:
    """Of other modules, and of comments and docstrings in its own."""
    states, runs = edited.count(STATES), edited.count(RUNS)
    for file in OTHERS:
        edited.append(file)
    told = '"""What G lowers, []."""  # by hand'
    edited.edit("pgpipe/gan/losses/wgan_gp.py", '"""-E[f(fake)]."""', told)
    edited.train()
    edited.undo()
    assert edited.hash(STATE) == edited.first[STATE]
    assert (edited.count(STATES), edited.count(RUNS)) == (states, runs)


def test_an_edited_metric_changes_quick_scores_and_not_the_weights(edited: Edited) -> None:
    states = edited.count(STATES)
    edited.edit("pgpipe/metrics/swd.py", "SCALE = 1e3", "SCALE = 2e3")
    edited.train()
    assert edited.hash(SCORES) != edited.first[SCORES]
    assert edited.hash(STATE) == edited.first[STATE]
    edited.undo()
    edited.train()
    assert edited.hash(SCORES) == edited.first[SCORES]
    assert edited.count(STATES) == states


def test_an_edited_source_is_prepared_anew_and_another_is_not(edited: Edited) -> None:
    shard = f"{PREPARED}/r16/00000.npy"
    edited.append("pgpipe/data/sources/parquet.py")
    edited.append("pgpipe/commands/app.py")
    edited.stage("prepare")
    assert edited.written(shard) == edited.prepared_at, "kept, and linked again"
    edited.edit("pgpipe/data/preparing/pyramid.py", "(1 / pixels) + (0.5", "(1 / pixels) + (0.25")
    edited.stage("prepare")
    assert edited.hash(PREPARED) != edited.first[PREPARED]
    edited.undo()
    edited.stage("prepare")
    assert edited.hash(PREPARED) == edited.first[PREPARED]


def test_gc_keeps_what_is_named_here_and_removes_what_an_edit_left(edited: Edited) -> None:
    edited.edit("pgpipe/gan/losses/wgan_gp.py", "return fake.mean()", "return 5 * fake.mean()")
    edited.train()
    edited.undo()
    edited.train()
    states = edited.count(STATES)
    assert states >= 2
    assert "nothing to remove" in edited.stage("gc"), "all were used today"
    told = edited.stage("gc", "--days", "0", "--dry-run")
    assert told.count("would be removed: r16-") == states - 1
    assert edited.count(STATES) == states
    edited.stage("gc", "--days", "0")
    assert edited.count(STATES) == 1
    (left,) = (edited.project.folder / STATES).iterdir()
    before = json.dumps(sorted(path.name for path in left.iterdir()))
    edited.train()
    assert edited.hash(STATE) == edited.first[STATE]
    assert json.dumps(sorted(path.name for path in left.iterdir())) == before, "not trained again"


def test_changed_images_are_another_run_of_the_tracker(edited: Edited) -> None:
    """Parameters and code stay the same."""
    runs = edited.count(RUNS)
    manifest = edited.project.folder / PREPARED / "manifest.json"
    text = manifest.read_text()
    array = json.loads(text)["arrays"]["r8/00000.npy"]["sha256"]  # of another phase than this one
    seal = manifest.with_name(".hashes.json")
    sealed = seal.read_bytes()
    for link in (manifest, seal):  # without its seal, a folder is read as it is
        link.unlink()
    manifest.write_text(text.replace(array, "0" * 64))
    try:
        edited.stage("train", "r16")
    finally:
        manifest.write_text(text)
        seal.write_bytes(sealed)
    assert edited.count(RUNS) == runs + 1


@pytest.mark.parametrize(
    ("file", "current"),
    [
        ("pgpipe/gan/losses/wgan_gp.py", False),
        ("pgpipe/metrics/ms_ssim.py", False),
        ("stages/sample.py", False),
        ("pgpipe/gan/losses/hinge.py", True),
        ("pgpipe/reporting/page.py", True),
    ],
)
def test_a_row_of_a_study_is_done_by_todays_code_alone(
    file: str, current: bool, edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = edited.project
    monkeypatch.chdir(project.folder)
    document = load_yaml(Path("params.yaml"))
    head = project.git("rev-parse", "HEAD").strip()
    assert is_current(document, head)
    edited.append(file)
    project.commit()
    try:
        assert is_current(document, "HEAD") == current
    finally:
        project.git("reset", "-q", "--hard", head)
