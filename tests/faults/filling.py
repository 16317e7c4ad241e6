"""The pipeline on a disk that is full at many places; to be run where FOLDER is a small tmpfs.

    python filling.py FOLDER PLACES

For each stage, as DVC would run it, the disk is filled until a part of what the stage writes would
fit. The stage is run, the disk freed, the stage run again. One line of JSON a place.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyproject import Project

from pgpipe.commands import app as cli
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.hashes import sha256_file, sha256_tree
from pgpipe.tracking import mirror
from stages import report, sample, score, train

IMPORTED = (report, sample, score, train)  # which every child would import anew
PAGE_BYTES = 4096  # a tmpfs counts in them
SECONDS = 120  # that no stage takes
STAGES = {
    ("check",): ["data/checked"],
    ("find",): ["data/found.json", "data/start.json"],
    ("machine",): ["data/machine"],
    ("download",): ["data/raw"],
    ("prepare",): ["data/multires"],
    ("gate",): ["data/gate.json"],
    ("reference",): ["reference"],
    ("init",): ["models/init", "models/layers"],
    ("train", "r4"): ["models/r4"],
    ("train", "r8"): ["models/r8"],
    ("train", "r16"): ["models/r16"],
    ("sample",): ["samples"],
    ("score",): ["reports/metrics.json"],
    ("report",): [
        "reports/index.html",
        "reports/figures",
        "reports/history.csv",
        "reports/quick_scores.csv",
    ],
}
Stage = tuple[str, ...]


def run(stage: Stage) -> tuple[int, str]:
    """Run a stage in a child of this process: exit code (128 + signal) and stderr."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.dup2(writer, 2)
        signal.alarm(SECONDS)
        sys.argv = ["pgpipe", *stage]
        try:
            cli.main()
        except SystemExit as ended:
            sys.stderr.flush()
            os._exit(ended.code if isinstance(ended.code, int) else 1)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        message = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (code if code >= 0 else 128 - code), message


def clear(stage: Stage) -> None:
    """Remove what the stage has left, as DVC does, and the state of its training."""
    for output in STAGES[stage]:
        shutil.rmtree(output) if Path(output).is_dir() else Path(output).unlink(missing_ok=True)
    for folder in Path(".pgpipe/state").glob(f"{stage[-1]}-*"):
        shutil.rmtree(folder)


def digests() -> dict[str, str]:
    """The hash of every output that there is."""
    outputs = [output for some in STAGES.values() for output in some if Path(output).exists()]
    return {output: sha256_tree(Path(output)) for output in outputs}


def fill(free: int) -> Path:
    """Leave `free` bytes of this disk."""
    ballast = Path("ballast")
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(".").free - free)
    return ballast


def torn() -> list[str]:
    """States that are not what their names say, and temporary files."""
    states = Path(".pgpipe/state").glob("*/*.safetensors")
    broken = [str(s) for s in states if s.stem.split("-")[1] != sha256_file(s)]
    return broken + [str(file) for file in Path().rglob(".*.tmp")]


def trial(stage: Stage, free: int, whole: dict[str, str]) -> dict[str, Any]:
    """What a stage does on a full disk, and again once there is room."""
    clear(stage)
    ballast = fill(free)
    code, message = run(stage)
    found = {"stage": " ".join(stage), "free": free, "code": code, "message": message}
    others = {name: digest for name, digest in whole.items() if name not in STAGES[stage]}
    found["intact"] = digests().items() >= others.items() and not torn()
    found["left"] = len(list(Path(".pgpipe/state").glob(f"{stage[-1]}-*/*.safetensors")))
    ballast.unlink()
    found["again"], found["again_message"] = run(stage)
    found["same"] = digests() == whole
    return found


def needs() -> dict[Stage, int]:
    """Pages that each stage takes on an empty disk; runs them all."""
    found = {}
    for stage in STAGES:
        before = shutil.disk_usage(".").used
        code, message = run(stage)
        assert code == 0, message
        found[stage] = (shutil.disk_usage(".").used - before) // PAGE_BYTES
    return found


def places(pages: dict[Stage, int], count: int) -> Iterator[tuple[Stage, int]]:
    """About `count` places, spread over the stages, from no room to nearly enough."""
    each = -(-count // len(pages)) + 1  # the small stages have fewer
    for stage, size in pages.items():
        for free in sorted({size * part // each for part in range(each)})[:count]:
            yield stage, free * PAGE_BYTES


def main() -> None:
    """Make a project in the folder, and fill the disk at every place."""
    folder, count = fresh_folder(Path(sys.argv[1]) / "project"), int(sys.argv[2])
    Project(folder).create()
    os.chdir(folder)
    vars(mirror)["push"] = lambda _: None  # the spool is written all the same
    chosen = list(places(needs(), count))
    whole = digests()
    for stage, free in chosen[:: max(1, len(chosen) // count)]:
        sys.stdout.write(f"{json.dumps(trial(stage, free, whole))}\n")


if __name__ == "__main__":
    main()
