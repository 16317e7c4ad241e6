"""Trained networks that another training starts from, and which of their weights fit it.

Weights are named by resolution, so growing and cutting are a choice of names. What G, D and the
average mean is fixed by the spec: a start has to agree with it in all but the labels, whose rows
(of G's first layer, and of D's last or of its 4x4 convolution) are taken by the classes' names.
Captions' vectors mean the same everywhere, so their rows are taken as they are.

    networks.safetensors    weights as `weights.named` calls them, and what a state says of them
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pgpipe.errors import IntegrityError, UsageError, said_by
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec, in_yaml
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import ENCODER, generator_of, read_generator
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.weights import Weights
from pgpipe.gan.widths import resolutions
from pgpipe.plumbing import tensors
from pgpipe.plumbing.layout import STATE_FORMAT

SWITCHES = {  # of the section `model`: what a network's weights mean, at whatever shapes
    "generator": (
        *("name", "equalised_lr", "latent_norm"),
        *("generator_activation", "generator_norm", "first_layer", "tanh", "latents"),
    ),
    **dict.fromkeys(("discriminator", "encoder"), ("discriminator_norm", "fused_downsampling")),
}
SIZES = (
    "fmap_base",
    "fmap_max",
    "discriminator_divisor",
    "latent_size",
    "minibatch_discrimination",
)
SHOWN = 3  # misfits, or classes, that a line names


class Started(NamedTuple):
    """Networks that have been trained, up to a resolution."""

    file: Path
    spec: NetworkSpec
    resolution: int
    labels: Sequence[str]  # names of the classes by their numbers; none where they are not known
    named: Weights

    @property
    def networks(self) -> list[str]:
        """The names of the networks and averages that are there."""
        system, there = SYSTEMS[self.spec.name], {name.partition(".")[0] for name in self.named}
        return [name for name in (*system.networks, *system.averages) if name in there]

    def cut(self, resolution: int) -> "Started":
        """Return the networks at a resolution that they have grown through.

        Raises:
            UsageError: they have not.
        """
        if resolution not in resolutions(self.resolution):
            most = f"{self.resolution} x {self.resolution}"
            raise UsageError(f"{self.file}: drawn at 4 x 4 to {most}, not at {resolution}")
        named = {k: v for k, v in self.named.items() if int(k.split(".")[2]) <= resolution}
        return self._replace(resolution=resolution, named=named)

    def generator(self, kind: str) -> Generator:
        """Return G or its average."""
        prefix = f"{kind}."
        named = {k.removeprefix(prefix): v for k, v in self.named.items() if k.startswith(prefix)}
        facts = {"resolution": self.resolution, "spec": self.spec.model_dump()}
        return generator_of(named, facts)

    def save(self, path: Path) -> None:
        """Write networks.safetensors."""
        about = {"labels": list(self.labels)}
        facts = {"format": STATE_FORMAT, "resolution": self.resolution, "about": about}
        tensors.save(path, self.named, {**facts, "spec": self.spec.model_dump()})


def read(file: Path) -> Started:
    """Read a training's state, its networks, or a generator alone.

    Raises:
        UsageError: it is missing, or of another format.
        IntegrityError: it is damaged, or has no networks.
    """
    named, facts = tensors.read(file)
    if isinstance(facts, dict) and "about" in facts:
        found = of_state(file, named, facts)
    else:
        generator, facts = read_generator(file)
        of = dict(weights.named(generator, "generator"))
        of |= {name: value for name, value in named.items() if name.startswith(ENCODER)}
        found = Started(file, generator.spec, generator.resolution, names_in(facts), of)
    for name, value in found.named.items():
        if not value.isfinite().all():
            raise IntegrityError(f"{file}: {name} has numbers that are not finite")
    return found


def of_state(file: Path, named: Weights, facts: Mapping[str, Any]) -> Started:
    """Return what a state or networks.safetensors holds; errors are those of `read`."""
    if facts.get("format") != STATE_FORMAT:
        raise UsageError(
            f"{file}: networks of format {facts.get('format')}, where this pgpipe has "
            f"{STATE_FORMAT}; `dvc repro` trains them anew"
        )
    try:
        spec, resolution = NetworkSpec(**facts["spec"]), facts["resolution"]
        found: Weights = {}
        for name, shape in every_name(spec, resolution):
            if named[name].shape != shape:
                raise ValueError(f"{name} is {list(named[name].shape)}, not {list(shape)}")
            found[name] = named[name]
        return Started(file, spec, resolution, names_in(facts["about"]), found)
    except (AttributeError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise IntegrityError(
            f"{file}: not the networks that it says it has: {said_by(error)}"
        ) from None


def names_in(about: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes that a file states; none where it states none."""
    found = about.get("labels")
    return [str(name) for name in found] if isinstance(found, list) else []


def every_name(spec: NetworkSpec, resolution: int) -> Iterator[tuple[str, torch.Size]]:
    """Yield the names and shapes of the weights of all networks and averages."""
    for name, shape in weights.names(spec, resolution):
        yield from ((own, shape) for own in (name, *weights.in_averages(name, spec)))


def require_fit(started: Started, spec: NetworkSpec, resolutions: Iterable[int]) -> None:
    """Refuse networks that a training of the spec cannot start from.

    Raises:
        UsageError: all that does not fit, and what the parameters would have to be.
    """
    found = [*of_switches(started, spec)] or [*of_shapes(started, spec, sorted({*resolutions}))]
    if found:
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise UsageError(
            f"params.yaml: model.start: {started.file} does not fit: "
            f"{'; '.join(found[:SHOWN])}{more}{of_sizes(started.spec, spec)}"
        )


def of_switches(started: Started, spec: NetworkSpec) -> Iterator[str]:
    """Yield the switches of the section `model` in which two specs differ, of networks there."""
    for network, names in SWITCHES.items():
        for name in names if network in started.networks else ():
            theirs, ours = getattr(started.spec, name), getattr(spec, name)
            if theirs != ours:
                yield f"its model.{name} is {in_yaml(theirs)}, here it is {in_yaml(ours)}"


def of_shapes(started: Started, spec: NetworkSpec, resolutions: Sequence[int]) -> Iterator[str]:
    """Yield the weights that have another shape there, but for rows of labels."""
    seen = set[str]()
    for resolution in resolutions:
        rows, their_rows = (weights.labelled(s, resolution) for s in (spec, started.spec))
        for name, shape in weights.names(spec, resolution):
            if name not in started.named or name in seen:
                continue
            seen.add(name)
            theirs, ours = list(started.named[name].shape), list(shape)
            if without_labels(theirs, their_rows.get(name), started.spec) != without_labels(
                ours, rows.get(name), spec
            ):
                yield f"{name} is {theirs} there, {ours} here"


def without_labels(shape: list[int], axis: int | None, spec: NetworkSpec) -> list[int]:
    """Return a shape without the rows of the condition, which are along an axis, if there."""
    return [size - spec.condition * (n == axis) for n, size in enumerate(shape)]


def of_sizes(theirs: NetworkSpec, ours: NetworkSpec) -> str:
    """Return what the sizes in params.yaml would have to be, as the end of a line."""
    sizes = [(f"model.{name}", getattr(theirs, name), getattr(ours, name)) for name in SIZES]
    was, now = ("gray" if spec.channels == 1 else "rgb" for spec in (theirs, ours))
    sizes.append(("dataset.color", was, now))
    if theirs.stddev_maps != ours.stddev_maps:
        sizes.append(("train.minibatch_stddev", theirs.minibatch_stddev, ours.minibatch_stddev))
    wanted = [f"{name}: {in_yaml(was)}" for name, was, now in sizes if was != now]
    return f"; it was trained with {', '.join(wanted)}" if wanted else ""


def places(started: Started, spec: NetworkSpec, labels: Sequence[str]) -> list[int | None]:
    """Return the number that each class has there: by its name, or by number without names.

    Of captions it is that of each number of their vectors.
    """
    if spec.captions or started.spec.captions:
        same = spec.captions and started.spec.captions
        return [number if same else None for number in range(spec.condition)]
    names = labels[: spec.classes]
    if len(started.labels) == started.spec.classes:
        known = {name: number for number, name in enumerate(started.labels)}
        return [known.get(name) for name in names]
    same = started.spec.classes == spec.classes
    return [number if same else None for number in range(spec.classes)]


def first_weights(
    started: Started, drawn: Weights, spec: NetworkSpec, resolution: int, labels: Sequence[str]
) -> Weights:
    """Return first weights with those of the start where it has them.

    Args:
        started: fits the spec.
        drawn: first values at random.
        spec: of the training.
        resolution: at which the weights are there.
        labels: names of the classes.

    Returns:
        The same names, and those of averages whose weights differ from their network's.
    """
    rows, their_rows = (weights.labelled(s, resolution) for s in (spec, started.spec))
    classes, found = places(started, spec, labels), dict(drawn)
    for name, value in drawn.items():
        for own in (name, *weights.in_averages(name, spec)):
            if (theirs := started.named.get(own)) is None:
                continue
            if name not in rows and name not in their_rows:
                found[own] = theirs
                continue
            axis = rows[name] if name in rows else their_rows[name]
            # He's constant counts the classes where they are inputs: of G's first layer, and of
            # the convolution that has a joint score's maps.
            inputs = spec.equalised_lr and not name.startswith("discriminator.blocks.4.score")
            factor = math.sqrt(value.shape[axis] / theirs.shape[axis]) if inputs else 1.0
            known = classes if name in rows and name in their_rows else []
            head = value.shape[axis] - spec.condition * (name in rows)
            moved = by_class(theirs.movedim(axis, 0) * factor, value.movedim(axis, 0), head, known)
            found[own] = moved.movedim(0, axis).contiguous()
    return found


def by_class(theirs: Tensor, drawn: Tensor, head: int, places: Sequence[int | None]) -> Tensor:
    """Return a weight of `head` rows and one per class, with those that are known there."""
    found = drawn.clone()
    found[:head] = theirs[:head]
    for number, place in enumerate(places):
        if place is not None:
            found[head + number] = theirs[head + place]
    return found


def told(started: Started, spec: NetworkSpec, top: int, labels: Sequence[str]) -> str:
    """Return in one line what a training up to a resolution takes, and what is drawn at random."""
    size = started.resolution
    fresh = [name for name in SYSTEMS[spec.name].networks if name not in started.networks]
    fresh += [f"layers above {size}x{size}"] if top > size else []
    known = places(started, spec, labels)
    joint = {spec.label_maps > 0, started.spec.label_maps > 0}
    if spec.condition and started.spec.condition and len(joint) > 1:
        fresh.append("what D makes of labels, which are judged in another form there")
    if spec.captions and not started.spec.captions:
        fresh.append("what captions mean")
    names = [] if spec.captions else labels
    new = [name for name, place in zip(names, known, strict=False) if place is None]
    if new:
        more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
        fresh.append(f"the rows of {', '.join(new[:SHOWN])}{more}")
    taken = f"{', '.join(started.networks)} of {size}x{size}"
    cut = f", cut to {top}x{top}" if top < size else ""
    anew = f"; at random: {', '.join(fresh)}" if fresh else ""
    return f"first weights are those of {started.file}: {taken}{cut}{anew}"
