"""Snapshots of a phase's averaged generator, one a tick, and their quick scores.

    <images>-<sha256>.safetensors   a generator; it goes when it is scored and not the best
    <images>.json                   its row of scores

Rows are functions of snapshots, and these of the training, so a phase that was killed ends with
the same files.
"""

import csv
import io
from collections.abc import Container, Mapping
from pathlib import Path

from torch import Tensor

from pgpipe import tensors
from pgpipe.files import read_json, write_bytes
from pgpipe.metrics.quick import better
from pgpipe.training import hashed
from pgpipe.training.history import PLACE, Row


def row_file(folder: Path, images: int) -> Path:
    """Where the scores of a snapshot go."""
    return folder / f"{images:012d}.json"


class Snapshots:
    """Of one phase; the process that trains deletes, and no other."""

    def __init__(self, folder: Path, metric: str) -> None:
        """Beside the states in `folder`; `metric` decides which snapshot is the best."""
        self.folder, self.metric = folder / "snapshots", metric

    def add(self, images: int, named: Mapping[str, Tensor], facts: Row) -> Path | None:
        """Write a generator's tensors and facts, unless it was scored before a kill."""
        if row_file(self.folder, images).exists():
            return None
        return hashed.write(self.folder, images, tensors.dump(named, facts))

    def files(self) -> dict[int, Path]:
        """The generators that are still there, by images, oldest first."""
        found = {hashed.images_of(path): path for path in hashed.files(self.folder)}
        return {images: path for images, path in found.items() if images >= 0}

    def rows(self, but: Container[int] = ()) -> dict[int, Row]:
        """The scores so far, but those of some, by images, oldest first."""
        found = {int(path.stem): path for path in sorted(self.folder.glob("*.json"))}
        return {images: read_json(path) for images, path in found.items() if images not in but}

    def unscored(self) -> list[Path]:
        """The generators whose scores are to come."""
        return [p for n, p in self.files().items() if not row_file(self.folder, n).exists()]

    def best(self) -> Path | None:
        """The best generator that has grown whole, the earliest of equal ones."""
        rows, found = self.rows(), None
        files = {n: path for n, path in self.files().items() if n in rows and rows[n]["fade"] == 1}
        for images in files:
            if found is None or better(
                self.metric, rows[images][self.metric], rows[found][self.metric]
            ):
                found = images
        return None if found is None else files[found]

    def prune(self) -> None:
        """Drop what is scored and not the best."""
        for path in set(self.files().values()) - {self.best(), *self.unscored()}:
            path.unlink()


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file, but for empty cells; none where it is not there."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = csv.DictReader(io.StringIO(text))
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
