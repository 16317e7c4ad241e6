"""`pgpipe data check` beside preparation, and its search for near-duplicates."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.prepare import ROUNDS, SEED, Row, lines_of, prepare, write_jpegs
from benchmarks.process import Measured, measured, measured_with_children
from pgpipe.config import PARAMS_FILE, load_yaml
from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import folder, rawzip
from pgpipe.inspection import likeness, seen
from pgpipe.plumbing.files import fresh_folder

CENTRES = 50  # that hashes lie around, as those of a set with one subject do
FLIPPED = 10  # bits, at most, between a hash and its centre


def compare(images: int, resolution: int) -> list[Row]:
    """Look at generated JPEGs and prepare them, in turn."""
    with TemporaryDirectory(dir=Path.cwd()) as name:  # on a disk, where /tmp may be memory
        archive, target = Path(name, rawzip.NAME), Path(name, "target")
        write_jpegs(archive, images, resolution)
        kind = f"JPEGs of {resolution}x{resolution}"
        rows = [Row(kind, way, images, []) for way in ("check", "prepare")]
        for _ in range(ROUNDS):
            for row, way in zip(rows, (check, prepare), strict=True):
                fresh_folder(target)
                row.rounds.append(measured_with_children(way, archive, target, resolution))
    return rows


def check(archive: Path, _target: Path, resolution: int) -> None:
    """Look at all images, as if they were prepared at their own resolution."""
    own = {"name": "folder", "resolution": resolution, "crop": "center", "color": "rgb"}
    dataset = DatasetSection(**{**load_yaml(PARAMS_FILE)["dataset"], **own})
    seen.see(folder.read(archive), dataset, lambda _: None)


def search(hashes: int) -> Measured:
    """Look for near-duplicates among so many hashes; the value is how many groups there are."""
    return measured(groups, hashes)


def groups(hashes: int) -> int:
    """Of generated hashes."""
    draw = np.random.default_rng(SEED)
    centres = draw.integers(0, 1 << 63, CENTRES, dtype=np.uint64)
    found = centres[draw.integers(0, CENTRES, hashes)]
    for _ in range(FLIPPED):
        bits = np.uint64(1) << draw.integers(0, 64, hashes, dtype=np.uint64)
        found ^= np.where(draw.random(hashes) < 0.7, bits, np.uint64(0))
    return len(np.unique(likeness.alike(found)[0]))


def table(rows: list[Row], hashes: int, found: Measured) -> Iterator[str]:
    """Lines of Markdown: a row a way, then the search."""
    yield from lines_of(rows, "command")
    yield ""
    yield (
        f"near-duplicates among {hashes:,} hashes around {CENTRES}: {found.seconds:.1f} s, "
        f"{found.cpu:.1f} s of CPU, {found.peak / 1e9:.2f} GB, {found.value:,} groups"
    )
