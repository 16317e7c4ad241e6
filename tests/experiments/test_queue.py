"""The ablation in a real project: what is queued is what the presets say, and survives kills."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rows import write_presets
from tinyproject import Project, Run

from pgpipe.config import load_yaml, parse_yaml
from pgpipe.presets import files as presets
from pgpipe.studies.table import identity, with_seed

STASH = re.compile(r"(\w+) .*commit: dvc-exp:\w+:\w+:(\S+)")


@pytest.fixture
def rows_project(tmp_path: Path) -> Project:
    project = Project(tmp_path).create()
    write_presets(tmp_path / "presets")
    params = tmp_path / "params.yaml"  # tiny as its own: rows do not start from another preset
    params.write_text(params.read_text().partition("\n")[2])
    project.commit()
    return project


def queued(project: Project) -> dict[str, str]:
    """The params.yaml of all experiments in DVC's stash, by name."""
    log = project.git("log", "-g", "--format=%H %gs", "refs/exps/celery/stash")
    found = [match.groups() for line in log.splitlines() if (match := STASH.search(line))]
    return {name: project.git("show", f"{commit}:params.yaml") for commit, name in found}


def ablation(project: Project, command: str, *options: str, code: int = 0) -> str:
    return project.run("pgpipe", "ablation", command, *options, code=code)


@pytest.mark.slow
def test_queue_holds_the_merged_parameters_and_leaves_the_workspace(
    rows_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, readme = rows_project.folder / "params.yaml", rows_project.folder / "README.md"
    file.write_text(file.read_text().replace("experiment: pgpipe", "experiment: mine  # edited"))
    readme.write_text("an edit of the user's")
    before, status = file.read_bytes(), rows_project.git("status", "--short")

    start = time.monotonic()
    output = ablation(rows_project, "queue", "--seeds", "2")
    assert time.monotonic() - start < 60
    assert output.count(": queued\n") == 18

    assert file.read_bytes() == before
    assert readme.read_text() == "an edit of the user's"
    assert rows_project.git("status", "--short") == status
    monkeypatch.chdir(rows_project.folder)
    params = {name: parse_yaml(text, name) for name, text in queued(rows_project).items()}
    assert len(params) == 18
    for row in ("a", "b", "c", "d", "e-star", "e", "f", "g", "h"):
        merged = presets.merged([f"table1-{row}", "table1-photos"])
        for seed in range(2):
            found = params[f"table1-photos-{row}-s{seed}"]
            assert identity(found) == identity(with_seed(merged, seed))
    assert load_yaml(file)["train"]["seed"] == 0
    again = ablation(rows_project, "queue", "--rows", "a,g", "--seeds", "2")
    assert again.count(": queued\n") == 4
    assert len(queued(rows_project)) == 18, "nothing twice"


@pytest.mark.slow
def test_interrupted_queue_leaves_the_workspace(rows_project: Project) -> None:
    file = rows_project.folder / "params.yaml"
    file.write_text(f"{file.read_text()}# an edit\n")
    before = file.read_bytes()
    process = rows_project.start("pgpipe", "ablation", "queue", "--seeds", "30")  # for a minute
    assert process.stdout is not None
    assert process.stdout.readline() == "table1-photos-a-s0: queued\n"
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 75
    assert file.read_bytes() == before
    assert 1 <= len(queued(rows_project)) < 9 * 30


@pytest.mark.faults
def test_killed_worker_s_experiment_is_queued_again_and_ends(rows_project: Project) -> None:
    options = ("--rows", "a", "--seeds", "1")
    ablation(rows_project, "queue", *options)
    group = start_worker(rows_project)
    try:
        wait_until(lambda: any(rows_project.folder.glob(".pgpipe/state/r8-*/previews")))
        assert "Gulrajani et al. 2017  running\n" in ablation(rows_project, "status", *options)
    finally:
        os.killpg(group, signal.SIGKILL)
    failed = ablation(rows_project, "status", *options)
    assert "table1-photos-a-s0: failed: ended without an error: killed" in failed
    assert "dvc queue logs table1-photos-a-s0 shows all that it said; pgpipe study queue" in failed
    assert "table1-photos-a-s0: queued again" in ablation(rows_project, "queue", *options)
    start_worker(rows_project)
    results = ("for-each-ref", "refs/exps/**/table1-photos-a-s0")
    wait_until(lambda: rows_project.git(*results) != "")
    wait_until(lambda: "2017  done " in ablation(rows_project, "status", *options))
    assert "table1-photos-a-s0: done, swd_avg" in ablation(rows_project, "queue", *options)

    text = ablation(rows_project, "table")
    assert "| a     | Gulrajani et al. 2017 | 1       | 64" in text
    files = {file.name for file in (rows_project.folder / "reports/ablation").iterdir()}
    assert files == {
        "table1-photos-samples.png",
        *(f"table1-photos.{kind}" for kind in ("md", "csv", "tex", "json", "png")),
    }
    assert re.search("\nmissing +swd_avg: c is broken", ablation(rows_project, "check"))


def start_worker(project: Project) -> int:
    """Start a worker that ends when the queue is empty; its process group."""
    command = [sys.executable, "-m", "dvc", "queue", "start"]
    silent = subprocess.DEVNULL  # a pipe would stay open as long as the worker lives
    subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment,
        stdout=silent,
        stderr=silent,
        check=True,
    )
    (file,) = project.folder.glob(".dvc/tmp/exps/celery/dvc-exp-worker-1.pid")
    return os.getpgid(int(file.read_text()))


def wait_until(reached: Callable[[], bool]) -> None:
    """Look again and again, at little cost: the worker has the same cores."""
    deadline = time.monotonic() + 240
    while not reached():
        assert time.monotonic() < deadline, "never reached"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("folder", "message"),
    [(".dvc", "no DVC project here"), (".git", "no git repository")],
)
def test_outside_of_a_project_is_one_line(
    rows_project: Project, folder: str, message: str, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rows_project.folder)
    shutil.rmtree(folder)
    for name in ("queue", "status", "table", "check"):
        code, _, stderr = command("ablation", name)
        assert code == 2
        assert message in stderr
        assert len(stderr.splitlines()) == 1
