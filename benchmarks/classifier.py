"""The classifier of a project's labels on the published test set of MNIST or Fashion-MNIST."""

from pathlib import Path

import numpy as np
import torch

from pgpipe.data.reading.bounds import content
from pgpipe.data.sources import mnist
from pgpipe.metrics import classifier
from pgpipe.metrics.streams import stream

FILES = {mnist.IMAGES: "t10k-images-idx3-ubyte.gz", mnist.LABELS: "t10k-labels-idx1-ubyte.gz"}


def accuracy(network: Path, folder: Path, fashion: bool) -> tuple[float, int]:
    """Return the share of the test images whose class the classifier finds, and their number.

    Args:
        network: reference/classifier.safetensors.
        folder: of the gzipped idx files.
        fashion: they are Fashion-MNIST's.

    Raises:
        UsageError, IntegrityError: a file is missing, or is not what it has to be.
    """
    files = {name: content(folder / file, mnist.KIND) for name, file in FILES.items()}
    images, labels = mnist.parse(files)
    if fashion:  # a data set's classes are in the order of their names
        labels = np.argsort(np.argsort(mnist.CLOTHES))[labels]
    net = classifier.load(network, torch.device("cpu"))
    found = classifier.probabilities(net, stream(images[..., None])())
    return classifier.accuracy(found, labels), len(labels)
