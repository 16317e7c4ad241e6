"""The format of every file of tensors: safetensors, with one JSON value in its header.

It is the same bytes for the same content, and it is loaded without running code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import write_bytes

Tensors = dict[str, Tensor]
MOST_HEADER = 100_000_000  # bytes: safetensors' own bound


def dump(tensors: Mapping[str, Tensor], facts: Any) -> bytes:
    """Tensors (copied to the CPU where they are not) and a JSON value as bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {"json": json.dumps(facts)})


def parse(data: bytes) -> tuple[Tensors, Any]:
    """The inverse of `dump`."""
    length = int.from_bytes(data[:8], "little")
    return safetensors.torch.load(data), facts_in(data[8 : 8 + length])


def facts_in(header: bytes) -> Any:
    """The JSON value in a header."""
    return json.loads(json.loads(header)["__metadata__"]["json"])


def save(path: Path, tensors: Mapping[str, Tensor], facts: Any) -> None:
    """Write a file of tensors, atomically."""
    write_bytes(path, dump(tensors, facts))


def read(path: Path) -> tuple[Tensors, Any]:
    """Read a file of tensors.

    Raises:
        UsageError: it is missing.
        IntegrityError: it is not what was written, or not what `save` writes.
    """
    data = sealed.content(path)
    with sealed.blaming(path, "file of tensors"):
        return parse(data)


def read_facts(path: Path) -> Any:
    """The JSON value of a file of tensors, which are not parsed; errors are those of `read`."""
    sealed.require(path)
    with sealed.blaming(path, "file of tensors"), path.open("rb") as file:
        return facts_in(file.read(min(int.from_bytes(file.read(8), "little"), MOST_HEADER)))
