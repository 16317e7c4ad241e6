"""What a trained generator answers where it is asked by rows: a seed and, if wanted, a class.

Of a generator that draws captions, a class is a text.

MLflow's pages and servers do so. The images are those of `pgpipe generate`.
"""

import base64
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError
from pgpipe.images import Images, png

ARRAY, PNG = FORMS = ("array", "png")


def answer(
    trained: Trained, seeds: Sequence[int], classes: Sequence[str | None], form: str = ARRAY
) -> Images | list[str]:
    """Return an image per row: uint8 [N, R, R, C], or PNG files as base64 text.

    Args:
        trained: the generator.
        seeds: of the images.
        classes: their names or numbers, or texts; None: drawn from the seed.
        form: `array` or `png`.

    Raises:
        UsageError: a seed, a class or the form is none.
    """
    if form not in FORMS:
        raise UsageError(f"format: {form!r} is neither array nor png")
    if bad := [seed for seed in seeds if not 0 <= seed <= by_seed.LARGEST_SEED]:
        raise UsageError(f"seed: {bad[0]} is not from 0 to 2^64 - 1")
    generator = trained.generator
    labels = labels_of(trained, seeds, classes) if len(seeds) else None
    side, channels = generator.resolution, generator.spec.channels
    none = np.empty((0, side, side, channels), np.uint8)
    drawn = by_seed.draw(generator, by_seed.latents(generator, seeds), labels) if seeds else []
    images = np.concatenate([none, *drawn])
    if form == ARRAY:
        return images
    return [base64.b64encode(png(image)).decode() for image in images]


def labels_of(
    trained: Trained, seeds: Sequence[int], classes: Sequence[str | None]
) -> Tensor | None:
    """Return the label, or the text's vector, of each row; None of a generator without."""
    if trained.generator.spec.captions:
        return torch.stack([trained.text_vector(text or "") for text in classes])
    labels = by_seed.labels(trained.generator, seeds)
    for row, name in enumerate(classes):
        if name is not None:
            number = trained.class_number(name)
            if labels is not None:
                labels[row] = number
    return labels
