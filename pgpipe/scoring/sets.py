"""A set of images from wherever it lies: a .npy array, or a folder or zip of image files.

Files that are no images by their names are skipped, and told; an image that cannot be read is
refused: a score is of all images that were named.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgpipe.config import require_power_of_two
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.data.preparing.shards import ShardWriter
from pgpipe.data.reading import folder
from pgpipe.data.reading.decode import Rejected, decode
from pgpipe.data.reading.layouts import images_of
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images
from pgpipe.plumbing.terminal import warn
from pgpipe.plumbing.unwritable import refusal

LOOKED = 256  # images whose values a message names
SMALLEST = 16  # pixels: SWD's last level


def read(path: Path, scratch: Path) -> ImageStore:
    """The images of a set, none of them in memory.

    Args:
        path: `.npy`, uint8 [N, R, R, 1 or 3], [N, 1 or 3, R, R] or [N, R, R]; or a folder or
            `.zip` of JPEG, PNG and WebP of one size, in the order of their names, which become RGB
            as `pgpipe.data.reading.decode` says (gray is repeated, transparency goes over white).
        scratch: a folder for the pixels of files, which are decoded once.

    Raises:
        UsageError: no images, not of the form above, not square, or R is no power of two from 16.
        IntegrityError: a file that cannot be read, or is no image.
    """
    store = ImageStore(mapped(path) if path.suffix == ".npy" else decoded(path, scratch))
    _, height, width, channels = store.shape
    if height != width:
        raise UsageError(f"{path}: images of {width}x{height} pixels are not square")
    if height < SMALLEST:
        raise UsageError(
            f"{path}: images of {width}x{height} pixels are below {SMALLEST}x{SMALLEST}"
        )
    try:
        require_power_of_two(height)
    except ValueError as error:
        raise UsageError(f"{path}: images of {width}x{height} pixels: {error}") from None
    if channels not in (1, 3):
        raise UsageError(f"{path}: {channels} channels are neither gray (1) nor RGB (3)")
    return store


def mapped(path: Path) -> Images:
    """The array of a .npy file, mapped: uint8 [N, H, W, C]."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # never unpickles
    except FileNotFoundError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Exception as error:  # hostile bytes make numpy raise anything
        refused = refusal(error, path) if isinstance(error, OSError) else None
        raise refused or IntegrityError(f"{path}: not a readable .npy array: {error}") from error
    if array.ndim not in (3, 4):
        raise UsageError(
            f"{path}: shape {array.shape} is neither [N, H, W, C], [N, C, H, W] nor [N, H, W]"
        )
    if not array.size:
        raise UsageError(f"{path}: no images in it")
    if array.dtype != np.uint8:
        raise UsageError(f"{path}: {values(array)}, expected uint8 from 0 to 255{cure(array)}")
    images: Images = array if array.ndim == 4 else array[..., None]
    channels_first = images.shape[1] in (1, 3) and images.shape[3] not in (1, 3)
    return np.moveaxis(images, 1, 3) if channels_first else images


def values(array: NDArray[Any]) -> str:
    """The type of an array, and between which values its first images lie."""
    some = array[:LOOKED]
    if not np.issubdtype(array.dtype, np.number):
        return f"{array.dtype}"
    return f"{array.dtype} from {some.min():g} to {some.max():g}"


def cure(array: NDArray[Any]) -> str:
    """How images of floats in the usual ranges become uint8."""
    some = array[:LOOKED]
    if not np.issubdtype(array.dtype, np.floating) or not -1 <= some.min() <= some.max() <= 255:
        return ""
    scale = "x" if some.max() > 1 else "x * 255" if some.min() >= 0 else "(x + 1) * 127.5"
    return f"; save np.rint({scale}).clip(0, 255).astype(np.uint8)"


def decoded(path: Path, scratch: Path) -> Path:
    """Write the images of a folder or zip to `scratch` as a store."""
    first: tuple[str, Images] | None = None
    with closing(ShardWriter(scratch)) as writer:
        for name, data in files(path):
            try:
                image = decode(data, name, channels=3)
            except Rejected as verdict:
                raise IntegrityError(f"{path}: {verdict}") from None
            first = first or (name, image)
            if image.shape != first[1].shape:
                raise UsageError(
                    f"{path}: {name!r} has {size(image)} pixels, {first[0]!r} {size(first[1])}: "
                    "images of one set have one size"
                )
            writer.append(image[None])
    if first is None:
        raise UsageError(f"{path}: no images in it")
    return scratch


def size(image: Images) -> str:
    """Width and height, as people write them."""
    return f"{image.shape[1]}x{image.shape[0]}"


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a folder's or zip's visible files, in the order of names."""
    if path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip"):
        names = folder.names(path)
        taken = set(images_of(names))
        if skipped := [name for name in names if name not in taken]:
            warn(
                f"{path}: files that are no images by their names are skipped: "
                f"{len(skipped):,}, the first is {skipped[0]!r}"
            )
        yield from (member for member in folder.members(path) if member[0] in taken)
    else:
        kind = "neither .npy, a folder nor .zip" if path.exists() else "no such file or folder"
        raise UsageError(f"{path}: {kind}")
