"""Rows as jobs of submitit: on this machine, and by a stand-in for Slurm."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import standin_slurm
import standin_stage
from rows import write_presets
from tinyproject import ROOT, TINY, Project, Run

from pgpipe.errors import UsageError
from pgpipe.experiments import disk
from pgpipe.experiments.library import library
from pgpipe.experiments.local import devices
from pgpipe.experiments.slurm import UNCLEAR, slurm_states

A, B = "table1-photos-a-s0", "table1-photos-b-s0"
ROWS = ("--rows", "a,b", "--seeds", "1")
CODE = ("pgpipe", "stages", "presets")


class Rows(Project):
    """A project whose stages take no time, with the rows of Table 1."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in CODE:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / "tests/params.yaml", folder)
        shutil.copy(standin_stage.__file__, folder)
        (folder / "dvc.yaml").write_text(standin_stage.PIPELINE)
        write_presets(folder / "presets")
        self.git("init", "-q")
        self.git("config", "user.name", "tests")
        self.git("config", "user.email", "tests@localhost")
        (folder / "presets/tiny.yaml").write_text(TINY)
        self.run("pgpipe", "preset", "tiny", "--force")
        params = folder / "params.yaml"  # tiny as its own: rows do not start from another preset
        params.write_text(params.read_text().partition("\n")[2])
        self.commit()

    @property
    def environment(self) -> dict[str, str]:
        found = super().environment
        path = f"{self.slurm}{os.pathsep}{found['PATH']}"
        return {**found, "PATH": path, "STANDIN_SLURM": str(self.slurm)}

    def lives(self, name: str) -> list[str]:
        """From where to where each process that trained a row came."""
        return (self.folder / f".pgpipe/{name}.lives").read_text().splitlines()

    def saved(self, name: str) -> Path:
        """What the training of a row has saved."""
        return self.folder / f".pgpipe/{name}.saved"

    def trains(self, name: str) -> bool:
        return (self.folder / f".pgpipe/{name}.trains").exists()

    @property
    def slurm(self) -> Path:
        """Where the stand-in for Slurm is, if there is one."""
        return self.folder / ".pgpipe/slurm"

    @property
    def enough(self) -> Path:
        """The file that lets trainings end."""
        return self.folder / ".pgpipe/enough"

    def process(self, name: str) -> psutil.Process:
        """The process of a job."""
        return psutil.Process(int((self.folder / f".pgpipe/jobs/{name}/lock").read_text()))

    def left(self) -> list[str]:
        """What jobs leave that are not done."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/pgpipe").split()
        return [*refs, *map(str, self.folder.glob(".pgpipe/jobs/*/tmp*"))]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path)


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not reached():
        assert time.monotonic() < deadline, "never reached"
        time.sleep(0.1)


def went_on(lives: list[str]) -> bool:
    """Whether a training of two lives was cut short, and went on from where it was."""
    (first, cut), (again, last) = (map(int, life.split()) for life in lives)
    return first == 0 < cut == again <= last


def standing(said: tuple[int, list[str]]) -> list[str]:
    """How the rows a and b stand, as `pgpipe study status` has it."""
    code, lines = said
    assert code == 0
    return [line.rsplit("  ", 1)[1] for row in "ab" for line in lines if line.startswith(f"{row} ")]


@pytest.fixture
def study(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, command: Run
) -> Callable[..., tuple[int, list[str]]]:
    """Run `pgpipe study` in this process in that project: its exit code, and what it says."""
    monkeypatch.chdir(rows.folder)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PATH", "STANDIN_SLURM"):
        monkeypatch.setenv(name, rows.environment[name])

    def study(*words: str) -> tuple[int, list[str]]:
        code, stdout, stderr = command("study", words[0], *ROWS, *words[1:])
        return code, [*stdout.splitlines(), *stderr.splitlines()]

    return study


@pytest.mark.slow
def test_killed_and_interrupted_jobs_go_on_and_what_is_done_is_not_run_again(
    rows: Rows, study: Callable[..., tuple[int, list[str]]]
) -> None:
    local = ("--executor", "local", "-j", "2")
    first = rows.start("pgpipe", "study", "run", "table1", *local, *ROWS)
    wait_until(lambda: rows.trains(A) and rows.trains(B))
    assert standing(study("status")) == ["running", "running"]
    code, (refused,) = study("run", *local)
    assert code == 5
    assert refused.startswith(f"pgpipe: error: pgpipe study run, process {first.pid}, hands")
    rows.process(A).kill()
    wait_until(lambda: rows.saved(A).exists())
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert first.returncode == 75
    *_, a, b, advice = study("status")[1]
    assert a == f"{A}: failed: r16: interrupted, state saved"  # by its stage, which outlived it
    assert b == f"{B}: failed: r16: interrupted, state saved"
    assert advice.startswith(f"{rows.folder}/.pgpipe/jobs/{A}/")

    rows.enough.touch()
    lost = rows.folder / ".pgpipe/sample.lost"
    lost.touch()  # an error of DVC's own, in one of the jobs: it tries again
    said = rows.run("pgpipe", "study", "run", "table1", *local, *ROWS).splitlines()
    assert not lost.exists()
    assert {f"{A}: queued again", f"{A}: done", f"{B}: done"} < set(said)
    assert went_on(rows.lives(A))
    assert went_on(rows.lives(B))
    assert rows.left() == []
    assert rows.git("status", "--short") == ""
    assert study("run", *local) == (0, [f"{name}: done, swd_avg 12.50" for name in (A, B)])
    assert standing(study("status")) == ["done 12.50", "done 12.50"]


SLURM = ("--executor", "slurm", "-j", "1", "--time", "300", "--cpus", "2", "--mem", "8")


@pytest.mark.slow
def test_slurm_gets_an_array_with_what_was_asked_for(
    rows: Rows, study: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    standin_slurm.install(rows.slurm)
    (rows.slurm / "down").touch()
    code, (sqlite,) = study("run", *SLURM)
    assert code == 2
    assert sqlite.startswith(f"pgpipe: error: MLflow's store is {rows.folder}/mlflow.db, a SQLite")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, said = study("run", *SLURM, "--partition", "nowhere")
    assert code == 2
    assert said[-1] == "pgpipe: error: sbatch: sbatch: error: invalid partition specified: nowhere"
    assert rows.left() == []

    _, given = study("run", *SLURM, "--partition", "long", "--gpus", "1")
    assert given[2:] == [f"{A}: Slurm's job 100_0", f"{B}: Slurm's job 100_1"]
    script = (rows.slurm / "100.sh").read_text()
    for line in ("array=0-1%1", "time=300", "partition=long", "gpus-per-node=1", "mem=8GB"):
        assert f"#SBATCH --{line}\n" in script
    assert "#SBATCH --requeue\n" in script
    assert "#SBATCH --signal=USR2@120\n" in script
    assert " --cpus-per-task=2 " in script
    assert standing(study("status")) == ["queued", "queued"]
    assert study("run", *SLURM)[1] == [f"{A}: queued", f"{B}: queued"]
    assert study("queue")[1][:2] == [f"{A}: queued", f"{B}: queued"], "not in DVC's queue, too"


@pytest.mark.faults
def test_slurm_s_jobs_are_requeued_before_their_time_is_up(
    rows: Rows, study: Callable[..., tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    standin_slurm.install(rows.slurm)
    study("run", *SLURM)
    wait_until(lambda: rows.trains(A))
    assert standing(study("status")) == ["running", "queued"]
    (rows.slurm / "100_1.state").write_text("OUT_OF_MEMORY")
    job = rows.process(A)
    for process in (job, *job.children(recursive=True)):  # as Slurm does
        process.send_signal(signal.SIGUSR2)
    wait_until(lambda: rows.saved(A).exists())
    rows.enough.touch()
    wait_until(lambda: standin_slurm.states()["100_0"] == "COMPLETED")
    assert went_on(rows.lives(A))
    library().SlurmJob.watcher.clear()  # it asks Slurm at intervals
    found = study("status")
    assert standing(found) == ["done 12.50", "failed"]
    assert f"{B}: failed: Slurm: OUT_OF_MEMORY" in found[1]
    _, again = study("run", *SLURM)
    assert again == [f"{A}: done, swd_avg 12.50", f"{B}: queued again", f"{B}: Slurm's job 101"]
    wait_until(lambda: standin_slurm.states()["101"] == "COMPLETED")
    assert rows.left() == []


# Refusals


@pytest.fixture
def refused(
    with_presets: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> Callable[..., str]:
    """What `pgpipe study run` is refused for, in a folder that is no project of git yet."""
    for arguments in (["init", "-q"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit"]):
        more = ["-qm", "x", "--allow-empty"] if arguments[-1] == "commit" else []
        subprocess.run(["git", *arguments, *more], check=True, cwd=with_presets)
    (with_presets / ".dvc").mkdir()
    (with_presets / ".dvc/config").touch()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*options: str) -> str:
        code, stdout, stderr = command("study", "run", "--rows", "a", "--seeds", "1", *options)
        assert (code, stdout) == (2, "")
        (line,) = stderr.splitlines()
        return line.removeprefix("pgpipe: error: ")

    return run


def test_without_submitit_nothing_starts(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    library.cache_clear()
    said = "submitit is not installed, which runs jobs; install it: pip install 'pgpipe[slurm]'"
    assert refused("--executor", "local") == said


def test_options_of_slurm_and_a_machine_without_it_are_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("--executor", "local", "--time", "10").startswith("--time: Slurm's")
    assert refused("--executor", "slurm").startswith("sbatch: not found; run this on a machine")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    few = refused("--executor", "local", "-j", "2", "--gpus", "2")
    assert few == "CUDA_VISIBLE_DEVICES: '4,6,7' names fewer than 4 GPUs"


def test_locks_that_do_not_exclude_are_refused(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)  # as a disk mounted with nolock does
    assert refused("--executor", "local").startswith(
        ".pgpipe/jobs: a file that one process has locked another locks too: jobs that share it"
    )


def test_locks_for_each_machine_alone_are_refused_to_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mounts as Linux lists them: of /, an NFS, and a Lustre in it with a space in its name."""
    root = str(tmp_path).replace(" ", "\\040")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"40 22 0:45 / {root}/nfs rw,relatime - nfs4 server:/x rw,vers=4.2,local_lock=none\n"
        f"41 22 0:46 / {root}/a\\040b rw,noatime - lustre server:/y rw,localflock\n"
    )
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    assert "local_lock=none" in disk.mount_options(tmp_path / "nfs/project")
    disk.require_locks(tmp_path / "nfs", several_machines=True)
    disk.require_locks(tmp_path / "a b", several_machines=False)
    with pytest.raises(UsageError, match=r"a b: mounted with localflock: jobs that share it"):
        disk.require_locks(tmp_path / "a b", several_machines=True)


# Slurm and devices


def test_each_job_of_this_machine_has_gpus_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [devices(slot, 2) for slot in (0, 1)] == ["0,1", "2,3"]
    assert devices(0, None) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    assert [devices(slot, 1) for slot in (0, 2)] == ["4", "7"]
    assert devices(1, None) == "4,6,7"


@pytest.mark.parametrize("state", sorted(UNCLEAR))
def test_what_slurm_s_accounts_leave_open_its_queue_decides(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin_slurm.install(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANDIN_SLURM", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    library().SlurmJob.watcher.clear()
    (tmp_path / "7_0.state").write_text("PENDING")
    (tmp_path / "7_1.state").write_text(state)
    (tmp_path / "7_2.state").write_text("CANCELLED by 1000")
    found = slurm_states(["7_0", "7_1", "7_2"])
    assert found == {"7_0": "PENDING", "7_1": "FAILED", "7_2": "CANCELLED"}


# On real stages


@pytest.mark.faults
def test_a_killed_job_ends_with_the_bits_of_one_left_alone(tmp_path: Path) -> None:
    whole, killed = (real_project(tmp_path / name) for name in ("whole", "killed"))
    run = ("study", "run", "--executor", "local", "--rows", "a", "--seeds", "1")
    assert f"{A}: done" in whole.run("pgpipe", *run)
    first = killed.start("pgpipe", *run)
    wait_until(lambda: any(killed.folder.glob(".pgpipe/state/r8-*/previews")))
    os.kill(int((killed.folder / f".pgpipe/jobs/{A}/lock").read_text()), signal.SIGKILL)
    assert first.communicate()[0].splitlines()[-1].startswith(f"{A}: failed: ")
    assert first.returncode == 1
    assert f"{A}: done" in killed.run("pgpipe", *run)
    assert generator(killed) == generator(whole)


def real_project(folder: Path) -> Project:
    """A project that trains in seconds, with the rows of Table 1."""
    folder.mkdir()
    project = Project(folder).create()
    write_presets(folder / "presets")
    params = folder / "params.yaml"
    params.write_text(params.read_text().partition("\n")[2])
    project.commit()
    return project


def generator(project: Project) -> str:
    """The hash of the last phase's folder that an experiment's dvc.lock names."""
    ref = project.git("for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{A}").strip()
    lock = project.git("show", f"{ref}:dvc.lock")
    return lock.partition("- path: models/r16\n")[2].partition("md5: ")[2].split()[0]
