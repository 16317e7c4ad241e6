"""Each source by its name: the module that has it, imported only where that source is asked for.

To add a source, write a module of this package with a `Source` in it (how its files come into
data/raw, how they are read), then add its row here, its name to `Name` in pgpipe/data/config.py,
and what is known of it to catalogue.yaml; a tiny set in its format goes into
tests/publishedsets.py. What a module imports at its top is what it always needs: the code that a
preparation depends on is found so, and an edit of one source leaves the preparations of others
valid.
"""

from pkgutil import resolve_name

from pgpipe.data.sources.source import Made, Source

SOURCES = {
    "photos": "pgpipe.data.sources.photos:SOURCE",
    "digits-1k": "pgpipe.data.sources.digits:SOURCE",
    "mnist-1k": "pgpipe.data.sources.stacked_mnist:SOURCE",
    "cifar10": "pgpipe.data.sources.cifar:CIFAR10",
    "cifar100": "pgpipe.data.sources.cifar:CIFAR100",
    "mnist": "pgpipe.data.sources.mnist:MNIST",
    "fashion-mnist": "pgpipe.data.sources.mnist:FASHION_MNIST",
    "svhn": "pgpipe.data.sources.matlab:SVHN",
    "stl10": "pgpipe.data.sources.stl10:LABELLED",
    "stl10-unlabelled": "pgpipe.data.sources.stl10:UNLABELLED",
    "oxford-flowers": "pgpipe.data.sources.matlab:FLOWERS",
    "celeba": "pgpipe.data.sources.folders:CELEBA",
    "afhq": "pgpipe.data.sources.afhq:SOURCE",
    "celeba-hq": "pgpipe.data.sources.ready:SOURCE",
    "ffhq": "pgpipe.data.sources.ready:SOURCE",
    "lsun": "pgpipe.data.sources.lsun:SOURCE",
    "folder": "pgpipe.data.sources.folders:FOLDER",
    "zip": "pgpipe.data.sources.folders:ZIP",
    "tar": "pgpipe.data.sources.tarred:SOURCE",
    "webdataset": "pgpipe.data.sources.webdataset:SOURCE",
    "hdf5": "pgpipe.data.sources.arrays:HDF5",
    "npz": "pgpipe.data.sources.arrays:NPZ",
    "parquet": "pgpipe.data.sources.parquet:SOURCE",
    "tfrecords": "pgpipe.data.sources.tfrecords:SOURCE",
}


def source(name: str) -> Source | Made:
    """The source that dataset.name says; imports its module."""
    found: Source | Made = resolve_name(SOURCES[name])
    return found
