"""STL-10 (Coates et al. 2011), binary version: images [3, 96, 96], each channel by columns."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pgpipe.data.reading import rawzip, tars
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item
from pgpipe.data.sources.obtain import published
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError
from pgpipe.images import Images

ARCHIVE = "stl10_binary.tar.gz"
FOLDER = "stl10_binary"
SHAPE = (3, 96, 96)
IMAGE_BYTES = 3 * 96 * 96


def read_labelled(raw: Path) -> Iterator[Item]:
    """5,000 training images of ten classes."""
    archive = raw / ARCHIVE
    names = [f"{FOLDER}/{name}" for name in ("train_X.bin", "train_y.bin", "class_names.txt")]
    found = tars.contents(archive, names)
    pixels, numbers, text = (found[name] for name in names)
    classes = text.decode("ascii", "replace").split()
    if len(pixels) != IMAGE_BYTES * len(numbers) or not numbers:
        raise IntegrityError(f"{archive}: {len(pixels)} bytes are not {len(numbers)} images")
    if min(numbers) < 1 or max(numbers) > len(classes):
        raise IntegrityError(f"{archive}: labels are not 1..{len(classes)}")
    for index, number in enumerate(numbers):
        data = pixels[index * IMAGE_BYTES : (index + 1) * IMAGE_BYTES]
        yield upright(data), classes[number - 1], f"train/{index:07d}"


def read_unlabelled(raw: Path) -> Iterator[Item]:
    """100,000 images without labels, of these and other classes."""
    archive, wanted = raw / ARCHIVE, f"{FOLDER}/unlabeled_X.bin"
    for name, size, file in tars.files(archive):
        if "/".join(rawzip.parts(name)) == wanted:
            for index in range(-(-size // IMAGE_BYTES)):
                with blaming(archive, "tar", name):
                    image = upright(file.read(IMAGE_BYTES))
                yield image, "", f"unlabeled/{index:07d}"
            return
    raise IntegrityError(f"{archive}: {wanted!r} is not in it")


def upright(data: bytes) -> Images:
    """uint8 [96, 96, 3]; ValueError where an image is not whole."""
    return np.frombuffer(data, np.uint8).reshape(SHAPE).transpose(2, 1, 0)


LABELLED = Source(published, read_labelled)
UNLABELLED = Source(published, read_unlabelled)
