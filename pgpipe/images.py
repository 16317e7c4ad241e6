"""The two forms of an image batch, and pictures for people.

On disk and in metrics: uint8 [N, H, W, C]. In networks: float32 [N, C, H, W] in [-1, 1].
"""

import io
import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pgpipe.plumbing.files import write_bytes

if TYPE_CHECKING:  # torch takes seconds to import, which stages without networks save
    from torch import Tensor

Images = NDArray[np.uint8]

SHEET_ROWS, SHEET_COLUMNS = 8, 12
SHEET_TILE = 64  # pixels


class Readable(Protocol):
    """An array of images, or what reads like one."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def __getitem__(self, chosen: slice, /) -> Images:
        """uint8 [n, H, W, C]."""
        ...


def to_float(images: "Tensor") -> "Tensor":
    """uint8 [N, H, W, C] -> float32 [N, C, H, W] in [-1, 1], in channels-last memory."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(images: "Tensor") -> "Tensor":
    """Float [N, C, H, W] in [-1, 1] -> uint8 [N, H, W, C], rounded to the nearest."""
    pixels = (images.float() * 127.5 + 127.5).round().clamp(0, 255)
    return pixels.byte().permute(0, 2, 3, 1).contiguous()


def release(images: object) -> None:
    """Let go of the pages of a memory-mapped file that were read; others are left alone.

    They would count as this process's memory until another one asks for it. The file is not
    touched, and what is needed again is read again; only changes to a mapping in mode "c" are lost.
    """
    file = getattr(images, "_mmap", None)  # numpy has no public name for it
    if isinstance(images, np.memmap) and isinstance(file, mmap.mmap):
        file.madvise(mmap.MADV_DONTNEED)


def grid(images: Images, columns: int, tile: int = 0) -> Images:
    """Tile uint8 [N, H, W, C] row by row into one picture [rows * tile, columns * tile, C].

    Each image is repeated by whole pixels to at least `tile`; missing ones stay white.
    """
    scale = max(1, -(-tile // images.shape[1]))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height, width, channels), 255, np.uint8)
    cells[:count] = images
    cells = cells.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * height, columns * width, channels)


def contact_sheet(images: Readable, rows: int = SHEET_ROWS) -> Images:
    """The first images of uint8 [N, H, W, C], as many as a sheet of so many rows has places."""
    return grid(images[: rows * SHEET_COLUMNS], SHEET_COLUMNS, SHEET_TILE)


def png(picture: Images) -> bytes:
    """The PNG file of uint8 [H, W, 1 or 3]."""
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def write_png(path: Path, picture: Images) -> None:
    """Write uint8 [H, W, 1 or 3] as PNG, atomically."""
    write_bytes(path, png(picture))
