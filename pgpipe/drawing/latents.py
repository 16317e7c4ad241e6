"""Latents in files: what `pgpipe project` finds, and `pgpipe walk --between` goes between.

NAME.json   latent: its numbers; label: the class's number, or null; error: root of the mean
squared difference of 8-bit pixels
NAME.png    the photograph beside what the generator makes of it
NAME.webp   the way there
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pgpipe.config import Section, validate
from pgpipe.drawing import films
from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.projecting import Projected, photograph
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError
from pgpipe.gan.encoding import encode
from pgpipe.images import Images, grid, write_png
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import write_json

TILE = 128  # pixels of an image, at least
RATE = 12.0  # frames per second


class Latent(Section):
    """The content of a file."""

    latent: list[float] = Field(min_length=1)
    label: int | None = Field(ge=0)
    error: float


def names_of(images: Sequence[Path]) -> list[str]:
    """Return what the results of images are called.

    Raises:
        UsageError: two would be called alike.
    """
    names = [image.stem for image in images]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name}: two of the images are called so; project them one by one")
    return names


def write(to: Path, name: str, found: Projected, photograph: Images, trained: Trained) -> None:
    """Write the three files of a photograph."""
    labels = None if found.label is None else torch.full((len(found.way),), found.label)
    drawn = np.concatenate(list(by_seed.draw(trained.generator, found.way, labels)))
    pairs = [grid(np.stack([photograph, image]), 2, TILE) for image in drawn]
    write_png(to / f"{name}.png", pairs[-1])
    films.write_webp(to / f"{name}.webp", [*pairs, *pairs[-1:] * int(RATE)], RATE)
    content = Latent(latent=found.latent.tolist(), label=found.label, error=found.error)
    write_json(to / f"{name}.json", content.model_dump())


def read(files: Sequence[Path], trained: Trained) -> tuple[Tensor, Tensor | None]:
    """Return latents [N, latent_size] and, for a generator with classes, their labels int64 [N].

    A file that is no .json is a photograph, whose latent is its code.

    Raises:
        UsageError: a file is missing, its latent is another generator's, or there is no encoder.
        IntegrityError: it is damaged.
    """
    found = [read_one(file, trained) for file in files]
    z = torch.tensor([one.latent for one in found])
    with_labels = trained.generator.spec.classes > 0
    return z, torch.tensor([one.label for one in found]) if with_labels else None


def read_one(file: Path, trained: Trained) -> Latent:
    """Return a file's latent; errors are those of `read`."""
    spec = trained.generator.spec
    if file.suffix != ".json":
        if trained.encoder is None:
            raise UsageError(
                f"{file}: a {spec.name} encodes no photographs; `pgpipe project {file}` finds a "
                "latent of it, NAME.json"
            )
        code = encode(trained.encoder, photograph(file, trained.generator)[None])
        return Latent(latent=code[0].tolist(), label=None, error=0)
    content = sealed.read_json(file)
    if not isinstance(content, dict):
        raise UsageError(f"{file}: no latent of `pgpipe project`")
    one = validate(Latent, content, str(file))
    known = one.label in range(spec.classes) if spec.classes else one.label is None
    if len(one.latent) != spec.latent_size or not known:
        raise UsageError(f"{file}: the latent of another generator")
    return one
