"""Prepared images as PNG files that `dataset.name: folder` reads back, with labels and captions."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pgpipe.data.reading import rawzip
from pgpipe.errors import UsageError
from pgpipe.images import png
from pgpipe.inspection import prepared
from pgpipe.inspection.look import utf_8
from pgpipe.plumbing.unwritable import naming_full_disk

DIGITS = 8  # of a file's name, so that names sort as numbers do
MOST_BYTES = 255  # of a folder's name


def write_images(
    folder: Path,
    target: Path,
    resolution: int | None,
    numbers: range,
    report: Callable[[int], object],
) -> None:
    """Write images as `target/LABEL/NUMBER.png`, or without LABEL where the set has no labels.

    Captions become `target/captions.csv`, as `dataset.captions` reads it.

    Args:
        folder: the prepared set.
        target: takes what is missing; files of the same names are replaced.
        resolution: None: the largest.
        numbers: of the images; all of them are there.
        report: hears how many are written.

    Raises:
        UsageError: a label that is no name of a folder.
        ResourceError: the disk is full.
    """
    known = prepared.manifest(folder)
    images = prepared.store(folder, known, resolution)
    labels = prepared.names(folder, known)
    require_names({labels[number] for number in numbers})
    texts = prepared.captions(folder, known) if known.captions else []
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("name", "text"))
    with naming_full_disk(target):
        for done, number in enumerate(numbers):
            data = png(images.take(np.array([number]))[0])
            file = target / labels[number] / f"{number:0{DIGITS}d}.png"
            write_file(file, data)
            if texts:
                rows.writerow((file.relative_to(target).as_posix(), texts[number]))
            report(done + 1)
        if texts:
            write_file(target / "captions.csv", table.getvalue().encode())


def chosen(images: int, first: int, count: int | None) -> range:
    """The numbers of `count` of so many images, or of all from the first; UsageError if missing."""
    end = images if count is None else first + count
    if not first < end <= images:
        raise UsageError(f"--first {first}, --count {count}: there are {images} images, from 0 on")
    return range(first, end)


def require_names(labels: set[str]) -> None:
    """Raise a UsageError for a label that would not come back as the name of a folder."""
    for label in sorted(labels - {""}):
        whole = rawzip.parts(label) == [label] and not rawzip.is_hidden(label)
        plain = label == utf_8(label) and "\0" not in label
        if not (whole and plain and len(label.encode()) <= MOST_BYTES):
            raise UsageError(f"the label {label!r} cannot be the name of a folder")


def require_empty(target: Path) -> None:
    """Raise a UsageError where a folder has something in it, or is none."""
    if target.exists() and not target.is_dir():
        raise UsageError(f"--to: {target}: not a folder")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"--to: {target}: not empty; --force writes into it, beside what is there")


def write_file(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, unless the machine fails: a sync takes too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
