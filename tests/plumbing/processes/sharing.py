"""Started by torchrun: what several processes share, against what one of them finds alone."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from imagesets import CPU, noise, smooth
from specs import network_spec
from torch import Tensor

from pgpipe.gan import samples, weights
from pgpipe.gan.config import SampleSection
from pgpipe.metrics import classifier, features, precision_recall, scores
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.inception_v3 import InceptionV3
from pgpipe.metrics.streams import stream
from pgpipe.plumbing.processes.group import ALONE, Processes, join

N = 150  # images: three batches, the last of them smaller
SCORE = Protocol(
    swd_images=N,
    ms_ssim_pairs=N // 2,
    classifier_splits=2,
    mode_samples=30,
    mode_evaluations=5,
    inception=True,
    inception_images=N,
    inception_splits=2,
    fid_images=N,
    mirror=False,
    seed=0,
)


def net(channels: int, classes: int) -> classifier.Classifier:
    """One that has not learnt anything."""
    made = classifier.Classifier(channels, classes)
    for name, parameter in made.named_parameters():
        classifier.initialise(name, parameter, seed=0)
    return made.requires_grad_(False)


def projection() -> InceptionV3:
    """Stands for the Inception network: another function of each image."""
    axes = torch.randn(3 * 32 * 32, 16, generator=torch.Generator().manual_seed(0))

    def of(images: Tensor) -> Tensor:
        return images.flatten(1) @ axes / 1e4

    fake = SimpleNamespace(fc=SimpleNamespace(weight=axes), features=of, logits=lambda x: x)
    return cast(InceptionV3, fake)


def found(group: Processes) -> scores.Scores:
    """All scores, by a group."""
    reals, fakes = smooth(N, 32, 0), noise(N, 32, 1)
    labels = np.arange(N) % 4
    every = scores.of(fakes, reals, net(3, 4), SCORE, CPU, labels, group)
    every |= scores.of_digits(net(1, 10), [stream(fakes[n::5]) for n in range(5)])
    seen = features.of(projection(), stream(fakes, N, group)(), group)
    known = features.of(projection(), stream(reals, N, group)(), group)
    return every | scores.of_features(seen, known.pooled, SCORE)


def drawn(group: Processes, file: Path) -> bytes:
    """Samples of a generator whose images depend on their batch."""
    spec = network_spec(generator_norm="batch", latent_size=5)
    generator = weights.generator(spec, 16)
    weights.load(generator, weights.initial(spec, 16, 0), "generator")
    section = SampleSection(images=50, seed=0, minibatch=8)
    samples.write(file, generator.requires_grad_(False), section, 50, None, group, iter)
    return file.read_bytes() if group.writes else b""


def main() -> None:
    """Meet the others."""
    with join(CPU) as group:
        compare(group, Path(sys.argv[1]))


def compare(group: Processes, folder: Path) -> None:
    """Shares and scores and samples, of all and of one."""
    for count in range(3 * group.count):
        items = range(count)
        assert group.joined(list(group.share(items))) == list(items)
        wanted = [str(n) for n in items] if group.writes else []
        assert list(group.in_order(str, items)) == wanted
    precision_recall.TILE = 16
    assert found(group) == found(ALONE)
    shared = drawn(group, folder / "shared.npy")
    if group.writes:
        assert shared == drawn(ALONE, folder / "alone.npy")


if __name__ == "__main__":
    main()
