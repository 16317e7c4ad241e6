"""Files of every source with something wrong in them: images, or one line; no hang, no flood.

Each trial changes one file of a sound set, then runs `pgpipe download` and `pgpipe prepare`.
"""

import faulthandler
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from publishedsets import WRITERS

from benchmarks.process import measured_with_children
from faults.mutants import cut, flip, number, repeat, splice
from faults.sources import Ended, ingest, project
from faults.trials import Trials
from pgpipe.data.sources import catalogue, obtain
from pgpipe.data.sources.table import SOURCES

PATIENCE_S = 120  # for one set, before it counts as hanging
MEMORY = 2 << 30  # bytes of all processes together, libraries included
GOOD_CODES = {0, 2, 3}

SETS: dict[str, tuple[Callable[[Path], Any], dict[str, Any]]] = {
    **{name: (writer, {}) for name, writer in WRITERS.items()},
    "mnist-1k": (WRITERS["mnist"], {"resolution": 32, "stacks": 30}),
}


def zeros(data: bytearray, draw: random.Random) -> bytearray:
    """A part, or all."""
    start = draw.randrange(len(data))
    stop = draw.choice([len(data), min(len(data), start + draw.randint(1, 600))])
    data[start:stop] = bytes(stop - start)
    return data


def big(data: bytearray, draw: random.Random) -> bytearray:
    """A length or a count anywhere, as large as it can be."""
    place, width = draw.randrange(len(data)), draw.choice([1, 2, 4, 8])
    value = draw.choice([b"\xff" * width, b"\x7f" + b"\xff" * (width - 1), bytes(width - 1) + b"@"])
    data[place : place + width] = value[: len(data) - place]
    return data


MUTATIONS = (flip, cut, repeat, splice, number, zeros, big)


def damage(files: list[Path], draw: random.Random) -> str:
    """Change one of these files; what was done, to repeat it."""
    file, other = draw.choice(files), draw.choice(files)
    kind = draw.choice([*MUTATIONS, "rename", "exchange", "remove", "empty"])
    if kind == "rename":
        file.rename(file.with_name(draw.choice(["x", f"{file.name}.gz", "x.zip", "\x1b[2J.png"])))
    elif kind == "exchange":
        file.write_bytes(other.read_bytes())
    elif kind == "remove":
        file.unlink()
    elif kind == "empty" or callable(kind):
        data = bytearray(file.read_bytes())
        file.write_bytes(kind(data, draw) if callable(kind) and data else b"")
    return f"{getattr(kind, '__name__', kind)} of {file.name}"


def damaged(folder: Path, count: int, seeds: dict[str, int]) -> list[Ended]:
    """So many damages of each set; nothing is fetched where a file is missing."""
    alone = {name: e.model_copy(update={"mirrors": ()}) for name, e in catalogue.entries().items()}
    setattr(obtain, "entries", lambda: alone)  # noqa: B010
    ended = []
    for name, (write, values) in SETS.items():
        sound, draw = folder / "sound" / name, random.Random(seeds[name])
        sound.mkdir(parents=True)
        write(sound)
        project(folder / name, name=name, path="own", verify=False, max_rejected=99, **values)
        for _ in range(count):
            faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
            shutil.rmtree("own", ignore_errors=True)
            shutil.copytree(sound, "own")
            files = sorted(path for path in Path("own").rglob("*") if path.is_file())
            done, start = damage(files, draw), time.monotonic()
            end = ingest(f"{name}: {done}")
            ended.append(end._replace(seconds=time.monotonic() - start))
        faulthandler.cancel_dump_traceback_later()
    return ended


def test_damaged_files_of_every_source(tmp_path: Path, trials: Trials) -> None:
    assert SETS.keys() == SOURCES.keys() - {"photos", "digits-1k", "emoji"}  # that packages carry
    count = trials.number(1, 60)
    seeds = {name: trials.random.randrange(sys.maxsize) for name in SETS}
    found = measured_with_children(damaged, tmp_path, count, seeds)
    codes = Counter(end.code for end in found.value)
    for end in found.value:
        assert end.code in GOOD_CODES, end
        assert bool(end.message) == (end.code != 0), end
        assert end.message.isprintable(), end
    slowest = max(found.value, key=lambda end: end.seconds)
    trials.reached(
        f"{len(found.value)} damages of {len(SETS)} sources, codes {dict(codes)}, the slowest took "
        f"{slowest.seconds:.1f} s, all together {found.peak / 1e6:.0f} MB"
    )
    assert found.peak < MEMORY
    assert len(found.value) == count * len(SETS)
