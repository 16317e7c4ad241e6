"""Each source by its name: how its files come into data/raw, and how they are read from there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pgpipe.data import folder, rawzip
from pgpipe.data.items import Item
from pgpipe.data.sources import (
    arrays,
    cifar,
    images,
    lsun,
    matlab,
    mnist,
    parquet,
    stl10,
    tfrecords,
)
from pgpipe.data.sources.obtain import Place, own, published, verified
from pgpipe.fetch.wanted import require


class Source(NamedTuple):
    """A fetch, which fills data/raw, and the read of what it left there."""

    fetch: Callable[[Place], None]
    read: Callable[[Path], Iterator[Item]]


def fetch_folder(place: Place) -> None:
    """The user's folder or zip, packed."""
    (folder.link if place.linked else folder.fetch)(place.path, place.raw / rawzip.NAME)


def fetch_tfrecords(place: Place) -> None:
    """The largest of the user's TFRecord files, and the labels."""
    if place.path.is_dir():
        file = tfrecords.largest(place.path)
        for labels in place.path.glob("*.labels"):
            own(place._replace(path=labels), "*.labels")
        place = place._replace(path=file)
    own(place, "*.tfrecords")


def fetch_ready(place: Place) -> None:
    """Ready images: TFRecords where there are any, else a folder or zip."""
    is_records = place.path.suffix == ".tfrecords" or any(place.path.glob("*.tfrecords"))
    (fetch_tfrecords if is_records else fetch_folder)(place)


def read_ready(raw: Path) -> Iterator[Item]:
    """What `fetch_ready` left."""
    return (images.read_folder if (raw / rawzip.NAME).exists() else tfrecords.read)(raw)


def fetch_lsun(place: Place) -> None:
    """The user's categories."""
    for path in lsun.databases(place.path):
        if path.is_file():
            require(path, verified(place.name, path.name), str(path))
        lsun.unpack(path, place.raw, place.linked)


def taken(*patterns: str) -> Callable[[Place], None]:
    """A fetch of the user's files that fit a pattern."""
    return lambda place: own(place, *patterns)


SOURCES = {
    "cifar10": Source(published, cifar.read_10),
    "cifar100": Source(published, cifar.read_100),
    "mnist": Source(published, mnist.read_digits),
    "fashion-mnist": Source(published, mnist.read_fashion),
    "svhn": Source(published, matlab.read_svhn),
    "stl10": Source(published, stl10.read_labelled),
    "stl10-unlabelled": Source(published, stl10.read_unlabelled),
    "oxford-flowers": Source(published, matlab.read_flowers),
    "celeba": Source(published, images.read_zip),
    "afhq": Source(published, images.read_afhq),
    "celeba-hq": Source(fetch_ready, read_ready),
    "ffhq": Source(fetch_ready, read_ready),
    "lsun": Source(fetch_lsun, lsun.read),
    "folder": Source(fetch_folder, images.read_folder),
    "zip": Source(taken("*.zip"), images.read_zip),
    "tar": Source(taken(*images.TARS), images.read_tar),
    "webdataset": Source(taken("*.tar"), images.read_webdataset),
    "hdf5": Source(taken(*arrays.HDF5), arrays.read_hdf5),
    "npz": Source(taken(*arrays.NUMPY), arrays.read_npz),
    "parquet": Source(taken("*.parquet"), parquet.read),
    "tfrecords": Source(fetch_tfrecords, tfrecords.read),
}
