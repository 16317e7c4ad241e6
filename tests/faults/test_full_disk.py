"""A disk that is full: exit 4 with path, need and free bytes, all else intact, and a good rerun."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tinyproject import ROOT

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
MOUNTED = 'mount -t tmpfs -o size=64m tmpfs "$1"; shift; exec "$@"'
FULL = re.compile(
    r"pgpipe: error: \S+: the disk is full \((?P<need>[\d,]+ bytes needed, )?[\d,]+ free\)"
)


def on_a_small_disk(folder: Path, *command: str) -> str:
    """What a command prints where `folder` is an empty disk of 64 MB."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [*NAMESPACE, MOUNTED, "sh", str(folder), *command],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    try:
        on_a_small_disk(tmp_path, "true")
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"no mounts in a user namespace here: {error}")
    return tmp_path


def trials(disk: Path, places: int) -> list[dict[str, Any]]:
    script = str(Path(__file__).parent / "filling.py")
    output = on_a_small_disk(disk, sys.executable, script, str(disk), str(places))
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def hold(found: list[dict[str, Any]]) -> None:
    """Each trial ended as it has to, and so did the stage once there was room."""
    for trial in found:
        where = f"{trial['stage']} with {trial['free']} bytes free: {trial['message']}"
        if trial["code"] != 0:  # what the tracker alone could not keep is a warning
            assert trial["code"] == 4, where
            assert FULL.search(trial["message"]), where
        assert "Traceback" not in trial["message"], where
        assert trial["intact"], where
        assert trial["again"] == 0, trial["again_message"]
        assert trial["same"], where


def test_full_at_a_few_places_the_rerun_has_the_same_bits(disk: Path) -> None:
    found = trials(disk, 4)
    hold(found)
    assert sum(trial["code"] == 4 for trial in found) >= 4


@pytest.mark.faults
def test_full_at_thirty_places_the_rerun_has_the_same_bits(disk: Path) -> None:
    found = trials(disk, 30)
    hold(found)
    assert sum(trial["code"] == 4 for trial in found) >= 30
    assert sum(trial["left"] > 0 for trial in found) >= 3, "states to go on from"
    assert sum("needed" in trial["message"] for trial in found) >= len(found) / 2
    amid = sum(trial["left"] > 0 for trial in found)
    sys.stdout.write(f"full disk: {len(found)} places, {amid} of them amid training\n")
