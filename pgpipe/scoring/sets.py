"""A set of images from wherever it lies: a .npy array, or a folder or zip of image files.

What is not clearly an image is refused, not skipped: a score is of all that was named.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from pgpipe.config import require_power_of_two
from pgpipe.data import folder
from pgpipe.data.decode import Rejected, decode
from pgpipe.data.multires import ImageStore
from pgpipe.data.shards import ShardWriter
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images

SMALLEST = 16  # pixels: SWD's last level


def read(path: Path, scratch: Path) -> ImageStore:
    """The images of a set, none of them in memory.

    Args:
        path: `.npy`, uint8 [N, R, R, 1 or 3] or [N, R, R]; or a folder or `.zip` of JPEG, PNG and
            WebP of one size, in the order of their names, which become RGB as `pgpipe.data.decode`
            says (gray is repeated, transparency goes over white).
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
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Exception as error:  # hostile bytes make numpy raise anything
        raise IntegrityError(f"{path}: not a readable .npy array: {error}") from error
    if array.dtype != np.uint8:
        raise UsageError(f"{path}: {array.dtype} is not uint8 (0 to 255)")
    if array.ndim not in (3, 4):
        raise UsageError(f"{path}: shape {array.shape} is neither [N, H, W, C] nor [N, H, W]")
    if not array.size:
        raise UsageError(f"{path}: no images in it")
    images: Images = array if array.ndim == 4 else array[..., None]
    return images


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
        yield from folder.members(path)
    else:
        kind = "neither .npy, a folder nor .zip" if path.exists() else "no such file or folder"
        raise UsageError(f"{path}: {kind}")
