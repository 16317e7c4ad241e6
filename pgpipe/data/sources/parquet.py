"""Parquet files as hubs publish them: a column of images, and one of labels.

An image is a struct of `bytes` and `path`, or plain bytes; a label a text, or a number, whose name
the schema's metadata has (ClassLabel).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgpipe.data.reading import bounds, layouts
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Source
from pgpipe.plumbing.files import CHUNK_BYTES

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetFile

LABELS = ("label", "labels", "fine_label", "class")
BATCH = 16  # rows in memory


def read(raw: Path) -> Iterator[Item]:
    """The images of all parquet files, in the order of their names."""
    for path in several(raw, "*.parquet"):
        with opened(path) as (file, image, label):
            names = class_names(file.schema_arrow, label)
            chosen = [image, *([label] if label else [])]
            number = 0
            for batch in file.iter_batches(BATCH, columns=chosen, use_threads=False):
                for row in batch.to_pylist():
                    text = label_text(row[label], names) if label else ""
                    yield data_of(row[image]), text, name_of(path, number)
                    number += 1


def survey(raw: Path) -> Layout:
    """Names and labels; columns are stored apart, so that no image is read."""
    labels: dict[str, str] = {}
    for path in several(raw, "*.parquet"):
        with opened(path) as (file, _, label):
            names, values = class_names(file.schema_arrow, label), []
            if label:
                values = file.read([label], use_threads=False)[label].to_pylist()
            for number in range(file.metadata.num_rows):
                text = label_text(values[number], names) if label else ""
                labels[name_of(path, number)] = text
    return Layout(labels, unread=layouts.shards(path.stem for path in several(raw, "*.parquet")))


@contextmanager
def opened(path: Path) -> "Iterator[tuple[ParquetFile, str, str]]":
    """A context of a file, and of its columns of images and of labels.

    What was begun ends with it: no thread reads on in a file that is closed.

    Raises:
        IntegrityError: it is no parquet file, or its images become more than they may.
    """
    import pyarrow
    from pyarrow import parquet

    with (
        blaming(path, "parquet file"),
        pyarrow.OSFile(str(path)) as source,
        parquet.ParquetFile(
            source, pre_buffer=False, buffer_size=CHUNK_BYTES, page_checksum_verification=True
        ) as file,
    ):
        image, label = columns(file.schema_arrow)
        groups = (file.metadata.row_group(n) for n in range(file.metadata.num_row_groups))
        chunks = (group.column(n) for group in groups for n in range(group.num_columns))
        unpacked = [
            chunk.total_uncompressed_size
            for chunk in chunks
            if chunk.path_in_schema.partition(".")[0] == image
        ]
        for grown in (sum(unpacked), file.metadata.num_rows):
            bounds.require_growth(path.stat().st_size, grown)
        yield file, image, label


def name_of(path: Path, number: int) -> str:
    """The name of the image of a row."""
    return f"{path.stem}/{number:07d}"


def columns(schema: "Schema") -> tuple[str, str]:
    """The names of the columns of images and of labels ("" where there are none)."""
    from pyarrow import types

    def holds_images(kind: Any) -> bool:
        if types.is_struct(kind):
            inner = {field.name: field.type for field in kind}
            return "bytes" in inner and holds_images(inner["bytes"])
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    images = [field.name for field in schema if holds_images(field.type)]
    if len(images) != 1:
        raise ValueError(f"{len(images)} columns hold images, expected 1: {schema.names}")
    return images[0], next((name for name in LABELS if name in schema.names), "")


def class_names(schema: "Schema", label: str) -> list[str]:
    """The names of the classes by number, as the hub's metadata has them, or none."""
    text = (schema.metadata or {}).get(b"huggingface")
    features = json.loads(text)["info"]["features"] if text else {}
    names = features.get(label, {}).get("names", [])
    return [str(name) for name in names]


def label_text(value: Any, names: list[str]) -> str:
    """A label as text, "" for none (null, and -1 as hubs have it); ValueError for no class."""
    if value is None or value == -1:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, int) or value < 0 or (names and value >= len(names)):
        raise ValueError(f"label {value!r} is none of {len(names)} classes")
    return names[value] if names else f"{value:05d}"


def data_of(value: Any) -> bytes:
    """The bytes of an image file."""
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise ValueError("an image without bytes; its file lies elsewhere")
    return data


SOURCE = Source(taken("*.parquet"), read, survey)
