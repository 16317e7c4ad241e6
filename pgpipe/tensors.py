"""The format of every file of tensors: safetensors, with one JSON value in its header.

It is the same bytes for the same content, and it is loaded without running code.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.files import write_bytes

Tensors = dict[str, Tensor]


def dump(tensors: Mapping[str, Tensor], facts: Any) -> bytes:
    """Tensors (copied to the CPU where they are not) and a JSON value as bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(plain, {"json": json.dumps(facts)})


def parse(data: bytes) -> tuple[Tensors, Any]:
    """The inverse of `dump`."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return safetensors.torch.load(data), json.loads(header["__metadata__"]["json"])


def save(path: Path, tensors: Mapping[str, Tensor], facts: Any) -> None:
    """Write a file of tensors, atomically."""
    write_bytes(path, dump(tensors, facts))


def read(path: Path) -> tuple[Tensors, Any]:
    """Read a file of tensors.

    Raises:
        UsageError: it is missing.
        IntegrityError: it is not what `save` writes.
    """
    with blaming(path):
        return parse(path.read_bytes())


def read_facts(path: Path) -> Any:
    """The JSON value of a file of tensors, which stay unread; errors are those of `read`."""
    with blaming(path), safetensors.safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {})["json"])


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Have what is wrong with a file be the user's error."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{path}: not found; run `dvc repro`") from None
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise IntegrityError(f"{path}: not a file of tensors ({error})") from None
