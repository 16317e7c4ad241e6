"""Images as one array: .npy, .npz and HDF5, [N, H, W], [N, H, W, C] or [N, C, H, W] of uint8.

Of several arrays the one with the most pixels an image is taken (the paper's Theano code keeps
every resolution in one HDF5 file); labels are integers [N], named as LABELS says. One image is in
memory at a time.
"""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading import bounds, rawzip
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item, channels_last, numbered, upright
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import only
from pgpipe.data.sources.source import Source

NUMPY_FILES = ("*.npz", "*.npy")
HDF5_FILES = ("*.h5", "*.hdf5")
LABELS = ("labels", "label", "y", "Y", "targets")


def read_npz(raw: Path) -> Iterator[Item]:
    """The images of a .npz or .npy file."""
    path = only(raw, *NUMPY_FILES)
    if path.suffix == ".npy":
        with blaming(path, "array"), path.open("rb") as file:
            yield from rows(file, path.stem, None)
        return
    with blaming(path, "npz"), ZipFile(path) as archive:
        rawzip.refuse_excess(archive.infolist(), path.stat().st_size)
        if {info.compress_type for info in archive.infolist()} - {ZIP_STORED, ZIP_DEFLATED}:
            raise ValueError("neither stored nor deflated")
        shapes = {}
        for name in archive.namelist():
            with archive.open(name) as file:
                shapes[name.removesuffix(".npy")] = header(file)
        chosen = largest(shapes)
        with archive.open(f"{chosen}.npy") as file:
            yield from rows(file, chosen, labels_of_npz(archive, shapes))


def header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array that follows; ValueError for objects and for columns first."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # which numpy writes for all arrays of numbers
        raise ValueError(f"version {version} of the array's header")
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    if kind.hasobject or (by_columns and len(shape) > 1):
        raise ValueError("an array of objects, or one stored by columns")
    return shape, kind


def largest(shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    """The array of images with the most pixels an image."""
    images = {n: s for n, (s, kind) in shapes.items() if kind == np.uint8 and len(s) in (3, 4)}
    if not images:
        found = ", ".join(f"{n} {kind} {s}" for n, (s, kind) in sorted(shapes.items())) or "nothing"
        raise ValueError(f"no uint8 array of 3 or 4 axes in it, but {found}")
    return max(sorted(images), key=lambda name: math.prod(images[name][1:]))


def labels_of_npz(
    archive: ZipFile, shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]
) -> NDArray[Any] | None:
    """The array of labels, if there is one."""
    name = next((name for name in LABELS if name in shapes), None)
    if name is None:
        return None
    shape, kind = shapes[name]
    bounds.require_item(math.prod(shape) * kind.itemsize, f"{name!r} of shape {shape}: ")
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def rows(file: IO[bytes], name: str, labels: NDArray[Any] | None) -> Iterator[Item]:
    """The images of an array that a file holds, one in memory at a time."""
    shape, kind = header(file)
    if kind != np.uint8 or len(shape) not in (3, 4):
        raise ValueError(f"{kind} of shape {shape} is no uint8 array of 3 or 4 axes")
    axes, texts = channels_last(shape[1:]), texts_of(labels, shape[0])
    for number in range(shape[0]):
        data = file.read(math.prod(shape[1:]))
        image = np.frombuffer(data, np.uint8).reshape(shape[1:])  # ValueError where it ends early
        yield upright(image, axes), texts[number] if texts else "", f"{name}/{number:07d}"


def texts_of(labels: NDArray[Any] | None, count: int) -> list[str]:
    """Labels as text; ValueError unless they are one integer an image."""
    if labels is None:
        return []
    flat = labels.ravel()
    if flat.shape != (count,) or not np.issubdtype(flat.dtype, np.integer):
        raise ValueError(f"labels {labels.dtype} {labels.shape} are not an integer for each image")
    if flat.min(initial=0) < 0:
        raise ValueError("labels below 0")
    return numbered(flat)


def read_hdf5(raw: Path) -> Iterator[Item]:
    """The images of an HDF5 file; arrays in it, no links and nothing that lies in other files."""
    import h5py

    path = only(raw, *HDF5_FILES)
    with blaming(path, "HDF5 file"), closing(h5py.File(path, "r")) as file:
        names = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        arrays = {n: file[n] for n in names if isinstance(file[n], h5py.Dataset)}
        arrays = {n: a for n, a in arrays.items() if not (a.external or a.is_virtual)}
        images = arrays[largest({name: (a.shape, a.dtype) for name, a in arrays.items()})]
        bounds.require_item(math.prod(images.chunks or (0,)), f"chunks of {images.chunks}: ")
        bounds.require_growth(path.stat().st_size, images.nbytes, bounds.PIXEL_GROWTH)
        labels = next((small(arrays[name]) for name in LABELS if name in arrays), None)
        axes, texts = channels_last(images.shape[1:]), texts_of(labels, len(images))
        for number in range(len(images)):
            label = texts[number] if texts else ""
            yield upright(images[number], axes), label, f"{images.name[1:]}/{number:07d}"


def small(dataset: Any) -> NDArray[Any]:
    """All of an HDF5 array; ValueError where that may not fit into memory."""
    bounds.require_item(dataset.nbytes, f"{dataset.name!r} of shape {dataset.shape}: ")
    array: NDArray[Any] = dataset[()]
    return array


NPZ = Source(taken(*NUMPY_FILES), read_npz)
HDF5 = Source(taken(*HDF5_FILES), read_hdf5)
