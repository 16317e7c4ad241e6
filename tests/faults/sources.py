"""The commands `download` and `prepare` on a user's data, in a process that is measured."""

import json
import os
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

from tinyparams import VALID

from pgpipe.commands import app as cli
from pgpipe.plumbing.sealed import read_json

RESOLUTION = 8


class Ended(NamedTuple):
    """How the two commands ended for one set of files."""

    name: str
    code: int
    message: str
    seconds: float  # of the processor
    images: int
    rejected: int


def attempt(command: str) -> tuple[int, str]:
    """Exit code and line of a command."""
    try:
        cli.app([command], standalone_mode=False)
    except BaseException as error:
        return cli.outcome(error)
    return 0, ""


def project(folder: Path, **dataset: Any) -> None:
    """A folder of its own as the current one, whose parameters name a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    (folder / ".dvc").mkdir(exist_ok=True)
    values = {**VALID["dataset"], "name": "folder", "resolution": RESOLUTION, **dataset}
    (folder / "params.yaml").write_text(json.dumps({"dataset": values}))


def ingest(name: str) -> Ended:
    """Run both commands here."""
    start = time.process_time()
    code, message = attempt("download")
    if code == 0:
        code, message = attempt("prepare")
    seconds = time.process_time() - start
    manifest = read_json(Path("data/multires/manifest.json")) if code == 0 else {}
    images, rejected = manifest.get("count", 0), len(manifest.get("rejected", []))
    return Ended(name, code, message, seconds, images, rejected)


def zips(folder: Path, archives: dict[str, bytes]) -> list[Ended]:
    """Each archive as the data set."""
    project(folder, path="own.zip")
    ended = []
    for name, data in archives.items():
        Path("own.zip").write_bytes(data)
        ended.append(ingest(name))
    return ended


def flips(
    folder: Path, file: str, whole: bytes, count: int, seed: int, dataset: dict[str, Any]
) -> list[Ended]:
    """A file of the data set with one byte changed, so many times, anywhere."""
    project(folder, **dataset)
    draw, ended = random.Random(seed), []
    for _ in range(count):
        data = bytearray(whole)
        place = draw.randrange(len(data))
        data[place] ^= draw.randrange(1, 256)
        Path(file).write_bytes(data)
        ended.append(ingest(f"{file}, byte {place}: {data[place]}"))
    return ended
