"""`pgpipe repair` mends what kills leave, leaves the rest alone, and waits for the living."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tinyproject import Run
from toyproject import Toy

from pgpipe.plumbing.files import locked

HOLD = """
import fcntl, os, sys
with open(sys.argv[1], "a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write(str(os.getpid()))
    file.flush()
    print("held", flush=True)
    sys.stdin.read()
"""
GONE = 2**22 + 1  # above Linux's largest pid


def repaired(command: Run, *options: str) -> list[str]:
    """The lines of a repair that ended well, but the last."""
    code, stdout, stderr = command("repair", *options)
    assert (code, stderr) == (0, "")
    return stdout.splitlines()[:-1]


def test_nothing_is_done_to_a_whole_project(toy: Toy, command: Run) -> None:
    before = toy.snapshot()
    assert repaired(command) == []
    assert toy.snapshot() == before


def harm(toy: Toy) -> list[str]:
    """Much that kills leave; what names each."""
    entry = {"pid": GONE, "cmd": "/bin/dvc repro"}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {"out": entry}}))
    Path("dvc.lock").write_bytes(Path("dvc.lock").read_bytes()[:200])
    record = Path(".dvc/tmp/exps/run/abc/abc.run")
    record.parent.mkdir(parents=True)
    record.touch()
    litter = [
        Path("out/.two.pgpipe.tmp"),
        Path(".dvc/cache/files/md5/ab/.AbCdEfGhIjKlMnOpQrSt_-.tmp"),
        Path("out/big.AbCdEfGhIjKlMnOpQrSt_-.tmp"),
    ]
    for file in litter:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    workspace = Path(".dvc/tmp/exps/tmp12345678")
    workspace.mkdir()
    (workspace / "params.yaml").touch()
    return [".dvc/tmp/rwlock", "dvc.lock", str(record), str(workspace), *map(str, litter)]


def test_all_is_mended_and_dvc_goes_on_with_the_same_bits(toy: Toy, command: Run) -> None:
    whole = toy.contents()
    kept = [Path("out/.mine.pgpipe.tmp"), Path("notes.tmp"), Path(".dvc/tmp/btime")]
    kept[1].touch()
    names = harm(toy)
    with locked(kept[0]):
        lines = repaired(command)
    assert sorted(line.split(":")[0] for line in lines) == sorted(names)
    assert all(file.exists() for file in kept)
    assert not [name for name in names if Path(name).exists()]
    assert len(repaired(command)) == 1, "nobody writes it any more"
    assert repaired(command) == []
    output = toy.run("dvc", "repro")
    assert output.count("is cached - skipping run") == 3
    assert toy.contents() == whole


def test_a_dry_run_says_the_same_and_changes_nothing(toy: Toy, command: Run) -> None:
    harm(toy)
    before = toy.snapshot()
    told = repaired(command, "--dry-run")
    assert toy.snapshot() == before
    assert [f"would be mended: {line}" for line in repaired(command)] == told


def test_a_committed_dvc_lock_stands_in_for_a_damaged_one(toy: Toy, command: Run) -> None:
    whole = Path("dvc.lock").read_bytes()
    toy.commit()
    Path("dvc.lock").write_bytes(whole[:100])
    [line] = repaired(command)
    assert "the committed one restored" in line
    assert Path("dvc.lock").read_bytes() == whole
    [aside] = Path(".pgpipe/damaged").iterdir()
    assert aside.read_bytes() == whole[:100]


def test_a_bad_object_goes_with_its_links_and_is_made_again(toy: Toy, command: Run) -> None:
    whole = toy.contents()
    shared = Path("out/one/big")
    [cached] = [f for f in Path(".dvc/cache").rglob("*") if f.stat().st_size == 300_000]
    shared.unlink()
    shared.hardlink_to(cached)
    cached.chmod(0o644)
    with cached.open("r+b") as file:
        file.write(b"X")
    lines = repaired(command)
    assert [line.split(":")[0] for line in lines] == [str(cached), str(shared)]
    assert [file.read_bytes()[:1] for file in Path(".pgpipe/damaged").iterdir()] == [b"X"]
    assert "Running stage 'one'" in toy.run("dvc", "repro")
    assert toy.contents() == whole
    assert command("verify")[0] == 0


def refused(command: Run, toy: Toy, pid: int) -> None:
    """A repair ends with exit 5 and names `pid`; nothing is changed."""
    harm(toy)
    before = toy.snapshot()
    for options in ([], ["--dry-run"]):
        code, stdout, stderr = command("repair", *options)
        assert (code, stdout) == (5, "")
        assert f"process {pid} " in stderr
        assert len(stderr.splitlines()) == 1
    assert toy.snapshot() == before


@pytest.mark.parametrize("lock", [".pgpipe/state/r4-0/lock", ".dvc/tmp/lock"])
def test_a_held_lock_is_respected(toy: Toy, command: Run, lock: str) -> None:
    Path(lock).parent.mkdir(parents=True, exist_ok=True)
    Path(lock).write_text("")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdout is not None
            other.stdout.readline()
            refused(command, toy, other.pid)
        finally:
            other.kill()


def test_a_live_dvc_is_respected(toy: Toy, command: Run) -> None:
    toy.slow = 60
    process = toy.start("dvc", "repro", "--force", "two")
    try:
        while not list(entries_of_two()):
            time.sleep(0.05)
        refused(command, toy, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def entries_of_two() -> list[str]:
    """Who writes the output of the stage `two`."""
    try:
        content = json.loads(Path(".dvc/tmp/rwlock").read_text())
    except ValueError:
        return []
    return [path for path in content.get("write", {}) if path.endswith("two")]


def test_a_live_process_in_the_rwlock_is_respected_and_another_of_its_pid_is_not(
    toy: Toy, command: Run
) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)", "repro", "two"]
    with subprocess.Popen(sleeper, cwd="/") as other:
        try:
            for words, code in (("repro two", 5), ("push", 0)):
                entry = {"pid": other.pid, "cmd": f"/bin/dvc {words}"}
                Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {"out": entry}}))
                assert command("repair")[0] == code
            assert not Path(".dvc/tmp/rwlock").exists()
        finally:
            other.kill()


def test_a_head_that_a_dead_experiment_detached_is_back_on_its_branch(
    toy: Toy, command: Run
) -> None:
    branch = toy.git("symbolic-ref", "HEAD").strip()
    head = toy.git("rev-parse", "HEAD").strip()
    toy.git("checkout", "-q", "--detach")
    assert repaired(command) == [], "the user's own doing"
    toy.git("update-ref", "refs/exps/exec/EXEC_HEAD", head)
    [line] = repaired(command)
    assert line.startswith("git's HEAD: detached by dvc exp run, back on ")
    assert toy.git("symbolic-ref", "HEAD").strip() == branch
