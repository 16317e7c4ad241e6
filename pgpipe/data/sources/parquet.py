"""Parquet files as hubs publish them: a column of images, and one of labels.

An image is a struct of `bytes` and `path`, or plain bytes; a label a text, or a number, whose name
the schema's metadata has (ClassLabel).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgpipe.data import layouts
from pgpipe.data.blaming import blaming
from pgpipe.data.items import Item
from pgpipe.data.layouts import Layout
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Source

if TYPE_CHECKING:
    from pyarrow import Schema

LABELS = ("label", "labels", "fine_label", "class")
BATCH = 16  # rows in memory


def read(raw: Path) -> Iterator[Item]:
    """The images of all parquet files, in the order of their names."""
    from pyarrow import parquet

    for path in several(raw, "*.parquet"):
        with blaming(path, "parquet file"), path.open("rb") as source:
            file = parquet.ParquetFile(source, page_checksum_verification=True)
            image, label = columns(file.schema_arrow)
            names = class_names(file.schema_arrow, label)
            chosen = [image, *([label] if label else [])]
            number = 0
            for batch in file.iter_batches(BATCH, columns=chosen):
                for row in batch.to_pylist():
                    text = label_text(row[label], names) if label else ""
                    yield data_of(row[image]), text, name_of(path, number)
                    number += 1


def survey(raw: Path) -> Layout:
    """Names and labels; columns are stored apart, so that no image is read."""
    from pyarrow import parquet

    labels: dict[str, str] = {}
    for path in several(raw, "*.parquet"):
        with blaming(path, "parquet file"), path.open("rb") as source:
            file = parquet.ParquetFile(source, page_checksum_verification=True)
            _, label = columns(file.schema_arrow)
            names, values = class_names(file.schema_arrow, label), []
            if label:
                values = file.read([label])[label].to_pylist()
            for number in range(file.metadata.num_rows):
                text = label_text(values[number], names) if label else ""
                labels[name_of(path, number)] = text
    return Layout(labels, unread=layouts.shards(path.stem for path in several(raw, "*.parquet")))


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
