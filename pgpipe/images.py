"""The two forms of an image batch, and pictures for people.

On disk and in metrics: uint8 [N, H, W, C]. In networks: float32 [N, C, H, W] in [-1, 1].
"""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pgpipe.files import write_bytes

Images = NDArray[np.uint8]

SHEET_ROWS, SHEET_COLUMNS = 8, 12
SHEET_TILE = 64  # pixels


def to_float(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] -> float32 [N, C, H, W] in [-1, 1], in channels-last memory."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Float [N, C, H, W] in [-1, 1] -> uint8 [N, H, W, C], rounded to the nearest."""
    pixels = (images.float() * 127.5 + 127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


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


def contact_sheet(images: Images, rows: int = SHEET_ROWS) -> Images:
    """The first images of uint8 [N, H, W, C], as many as a sheet of so many rows has places."""
    return grid(images[: rows * SHEET_COLUMNS], SHEET_COLUMNS, SHEET_TILE)


def write_png(path: Path, picture: Images) -> None:
    """Write uint8 [H, W, 1 or 3] as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
