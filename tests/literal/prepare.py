"""Preparation one image at a time: Pillow, numpy's reshape and mean, no other process."""

import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image


def prepare(archive: Path, folder: Path, resolution: int) -> None:
    """Write rN.npy, uint8 [n, N, N, 3], for square images of one size in an archive."""
    with ZipFile(archive) as opened:
        names = sorted(opened.namelist())
        arrays = {
            size: np.lib.format.open_memmap(
                folder / f"r{size}.npy", "w+", np.uint8, (len(names), size, size, 3)
            )
            for size in (resolution >> s for s in range(resolution.bit_length() - 2))
        }
        for number, name in enumerate(names):
            picture = Image.open(io.BytesIO(opened.read(name))).convert("RGB")
            image = np.asarray(picture).astype(np.float32)
            for size, array in arrays.items():
                if size != resolution:
                    image = image.reshape(size, 2, size, 2, 3).mean(axis=(1, 3))
                array[number] = np.floor(image + 0.5).clip(0, 255).astype(np.uint8)
