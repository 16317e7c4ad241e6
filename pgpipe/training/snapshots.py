"""Snapshots of a phase's averaged generator, one per tick, and their quick scores.

    snapshots/<images>-<sha256>.safetensors   generators: all of them, as long as they are small
    scores-<key>/<images>.json                rows of scores, by the key of the code and settings,
                                              each with its hash

Rows are functions of snapshots, and these of the training, so a phase that was killed ends with
the same files. Generators are kept so that an edited metric scores them again without a training.
"""

import csv
import io
from collections.abc import Container, Mapping
from pathlib import Path

from torch import Tensor

from pgpipe.errors import IntegrityError
from pgpipe.gan.config import KEPT_SNAPSHOT_BYTES
from pgpipe.metrics.quick import better
from pgpipe.plumbing import sealed, tensors
from pgpipe.plumbing.files import write_bytes, write_json
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.terminal import warn
from pgpipe.training import hashed
from pgpipe.training.history import PLACE, Row


def row_file(folder: Path, images: int) -> Path:
    """Where the scores of a snapshot go."""
    return folder / f"{images:012d}.json"


def write_row(path: Path, row: Row) -> None:
    """Write the scores of a snapshot with the hash of its number and of them."""
    write_json(path, {"row": row, "sha256": sha256_json([path.stem, row])})


def read_row(path: Path) -> Row:
    """Return what `write_row` wrote.

    Raises:
        IntegrityError: the file holds something else.
    """
    found = sealed.read_json(path)
    row = found.get("row") if isinstance(found, dict) else None
    if not isinstance(row, dict) or found.get("sha256") != sha256_json([path.stem, row]):
        raise IntegrityError(f"{path}: damaged (hash differs); delete it and run again")
    return row


class Snapshots:
    """The snapshots of one phase; the process that trains deletes, and no other."""

    def __init__(self, folder: Path, metric: str, key: str) -> None:
        """Stand beside the states in `folder`.

        Args:
            folder: of the states.
            metric: decides which snapshot is the best.
            key: names the rows of scores.
        """
        self.folder, self.scores = folder / "snapshots", folder / f"scores-{key}"
        self.metric = metric

    def add(self, images: int, named: Mapping[str, Tensor], facts: Row) -> Path | None:
        """Write a generator's tensors and facts, unless it was scored before a kill."""
        if row_file(self.scores, images).exists():
            return None
        return hashed.write(self.folder, images, tensors.dump(named, facts))

    def files(self) -> dict[int, Path]:
        """Return the generators that are still there, by images, oldest first."""
        found = {hashed.images_of(path): path for path in hashed.files(self.folder)}
        return {images: path for images, path in found.items() if images >= 0}

    def rows(self, but: Container[int] = ()) -> dict[int, Row]:
        """Return the scores so far, but those of some, by images, oldest first."""
        found = {int(path.stem): path for path in sorted(self.scores.glob("*.json"))}
        return {images: read_row(path) for images, path in found.items() if images not in but}

    def set_damaged_rows_aside(self) -> None:
        """Have the generators whose scores are damaged scored again."""
        for path in sorted(self.scores.glob("*.json")):
            try:
                read_row(path)
            except IntegrityError as damage:
                path.replace(path.with_suffix(".damaged"))
                warn(f"{str(damage).partition(';')[0]}; set aside, and scored again")

    def unscored(self) -> list[Path]:
        """Return the generators whose scores are to come."""
        return [p for n, p in self.files().items() if not row_file(self.scores, n).exists()]

    def best(self, ticks: Container[int] | None = None) -> int | None:
        """Return the images of the best score of a grown generator, the earliest of equal ones.

        Args:
            ticks: images to choose from; by default all.
        """
        rows, best = self.rows(), None
        for images, row in rows.items():
            if row["fade"] < 1 or (ticks is not None and images not in ticks):
                continue
            if best is None or better(self.metric, row[self.metric], rows[best][self.metric]):
                best = images
        return best

    def prune(self) -> None:
        """Drop the oldest scored generators but the best, while all are too large to be kept."""
        files = self.files()
        size = sum(path.stat().st_size for path in files.values())
        if size <= KEPT_SNAPSHOT_BYTES:
            return
        spared = {files.get(self.best() or 0), *self.unscored()}
        for path in [path for path in files.values() if path not in spared]:
            if size <= KEPT_SNAPSHOT_BYTES:
                return
            size -= path.stat().st_size
            path.unlink()


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file, but for empty cells; none where it is not there."""
    rows = sealed.read_rows(path) if sealed.has(path) else []
    return [{name: value for name, value in row.items() if value} for row in rows]


def write_rows(path: Path, before: Path, rows: list[Row]) -> None:
    """Write the rows of the CSV file `before`, if there is one, and `rows`, under all columns."""
    earlier = read_rows(before)
    columns = dict.fromkeys([*PLACE, *(name for row in [*rows[-1:], *earlier] for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*earlier, *rows])
    write_bytes(path, text.getvalue().encode())
