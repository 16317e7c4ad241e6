"""sample: images of the final generator, for scoring and for looking at."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from pgpipe import devices, rng, tensors
from pgpipe.config import Section, read_params
from pgpipe.data.multires import read_labels
from pgpipe.files import atomic, fresh_folder, write_array, write_json
from pgpipe.images import SHEET_COLUMNS, Images, contact_sheet, write_png
from pgpipe.layout import GENERATOR, LAST
from pgpipe.nets.config import SampleSection
from pgpipe.nets.generator import Generator
from pgpipe.nets.sampling import generator_of, render, render_all, spherical_path
from pgpipe.reporting.progress import track
from stages.paths import DRAWN, DRAWN_FACTS, DRAWN_LABELS, DRAWN_LAST, MULTIRES, SAMPLES, model

BLOCK = 1 << 14  # images whose latents are drawn at once
WALKS = 8  # from one random latent to the next


class Params(Section):
    """What it reads."""

    sample: SampleSection
    final: str = Field(alias="growth.final")


def run() -> None:
    """Write samples/: images.npy uint8 [N, R, R, C], labels.npy int64 [N] if any, and grids.

    Where the best tick was selected and is not the last one, also last.npy, from the last one.
    """
    params = read_params(Params)
    section = params.sample
    generator, kimg = load(model(params.final) / GENERATOR)
    last, last_kimg = load(model(params.final) / LAST)
    fresh_folder(SAMPLES)
    labels = draw_labels(section) if generator.spec.classes else None
    if labels is not None:
        write_array(DRAWN_LABELS, labels.numpy())
    write_images(DRAWN, generator, section, labels)
    if kimg != last_kimg:
        write_images(DRAWN_LAST, last, section, labels)
    write_json(DRAWN_FACTS, {"kimg": kimg, "last_kimg": last_kimg})
    drawn = np.load(DRAWN, mmap_mode="r")
    for name, picture in pictures(generator, drawn, section.seed).items():
        write_png(SAMPLES / f"{name}.png", picture)


def load(path: Path) -> tuple[Generator, float]:
    """A phase's generator, and the kimg that it has seen."""
    named, facts = tensors.read(path)
    return generator_of(named, facts).to(devices.choose()), facts["row"]["kimg"]


def draw_labels(section: SampleSection) -> torch.Tensor:
    """Labels of the images to score, as frequent as in the data: int64 [N]."""
    known = torch.from_numpy(read_labels(MULTIRES))
    key = rng.key(section.seed, "sample labels", 0)
    return known[rng.integers(len(known), (section.images,), key)]


def draw(
    generator: Generator, section: SampleSection, labels: torch.Tensor | None
) -> Iterator[Images]:
    """The images to score, in batches; some thousand latents are in memory at a time."""
    for block, start in enumerate(range(0, section.images, BLOCK)):
        count = min(BLOCK, section.images - start)
        latents = draw_latents(generator, count, section.seed, "sample", block)
        part = None if labels is None else labels[start : start + count]
        yield from render(generator, latents, part, batch=section.minibatch)


def write_images(
    path: Path, generator: Generator, section: SampleSection, labels: torch.Tensor | None
) -> None:
    """Draw the images to score and write them as one array, holding one batch at a time."""
    count, side, channels = section.images, generator.resolution, generator.spec.channels
    shape = (count, side, side, channels)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with atomic(path, math.prod(shape)) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in track(draw(generator, section, labels), path.stem, count):
            file.write(batch.tobytes())


def draw_latents(
    generator: Generator, count: int, seed: int, stream: str, block: int = 0
) -> torch.Tensor:
    """[count, latent_size] from N(0, I)."""
    return rng.normal((count, generator.spec.latent_size), rng.key(seed, stream, block))


def pictures(generator: Generator, drawn: Images, seed: int) -> dict[str, Images]:
    """Grids by name: random samples; walks between latents; a row of each class if conditional."""
    made = {"random": contact_sheet(drawn)}
    ends = draw_latents(generator, WALKS + 1, seed, "interpolation")
    walk = spherical_path(ends, SHEET_COLUMNS)
    classes = generator.spec.classes
    walk_labels = torch.arange(len(walk)) // SHEET_COLUMNS % classes if classes else None
    made["interpolation"] = contact_sheet(render_all(generator, walk, walk_labels))
    if classes:
        latents = draw_latents(generator, SHEET_COLUMNS, seed, "row per class").repeat(classes, 1)
        rows = torch.arange(classes).repeat_interleave(SHEET_COLUMNS)
        made["row_per_class"] = contact_sheet(render_all(generator, latents, rows), classes)
    return made
