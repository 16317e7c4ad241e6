"""A trained generator, from wherever a person has one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pgpipe.errors import UsageError
from pgpipe.gan.encoding import read_encoder
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import read_generator
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.text import encode
from pgpipe.plumbing import devices
from pgpipe.plumbing.layout import GENERATOR


class Trained(NamedTuple):
    """A generator on the device that draws, and the names of its classes."""

    generator: Generator
    classes: Sequence[str]  # by their numbers; none where it is not conditioned
    encoder: nn.Module | None = None  # of systems that have one

    def text_vector(self, text: str) -> Tensor:
        """Return what a generator that draws captions takes for one, [256].

        Raises:
            UsageError: it draws none, or the text has no words.
        """
        if not self.generator.spec.captions:
            raise UsageError(f"text {text!r}: this generator was trained without captions")
        if not text.split():
            raise UsageError(f"text {text!r}: has no words")
        vector: Tensor = encode([text])[0]
        return vector

    def vectors_of(self, classes: Sequence[str], texts: Sequence[str]) -> Tensor | None:
        """Return the vectors of named classes, or of texts, [n, E]; None where none is named.

        Raises:
            UsageError: the generator has none of this kind, or not this one.
        """
        if classes and texts:
            raise UsageError("classes and texts: name the ones or the others")
        one_hot = torch.eye(self.generator.spec.classes)
        found = [one_hot[self.class_number(name)] for name in classes]
        found += [self.text_vector(text) for text in texts]
        return torch.stack(found) if found else None

    def class_number(self, name: str) -> int:
        """Return the number of a class, by its name or as a number.

        Raises:
            UsageError: the generator has none, or not this one.
        """
        if not self.generator.spec.classes:
            raise UsageError(f"class {name!r}: this generator was trained without classes")
        if name in self.classes:
            return self.classes.index(name)
        if name.isdecimal() and int(name) < self.generator.spec.classes:
            return int(name)
        known = ", ".join(self.classes) or f"0 to {self.generator.spec.classes - 1}"
        raise UsageError(f"class {name!r}: this generator has {known}")


def file_in(place: Path) -> Path:
    """Return a generator's file, which a folder holds under its name.

    Raises:
        UsageError: the folder has none.
    """
    file = place / GENERATOR if place.is_dir() else place
    if place.is_dir() and not file.is_file():
        raise UsageError(f"{place}: a folder without {GENERATOR}")
    return file


def open_trained(place: Path) -> Trained:
    """Read a generator's file, or the one in a folder: of a phase's model, or exported.

    Raises:
        UsageError: there is none, or it is of another format.
        IntegrityError: it is damaged, or no generator's.
    """
    file, device = file_in(place), devices.exact()
    generator, facts = read_generator(file)
    encoder = read_encoder(file).to(device) if SYSTEMS[generator.spec.name].encoder else None
    names = facts.get("labels", [])
    named = names if len(names) == generator.spec.classes else []
    return Trained(generator.to(device).eval(), [str(name) for name in named], encoder)
