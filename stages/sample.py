"""sample: images of the final generator, for scoring and for looking at."""

import numpy as np
import torch
from pydantic import Field

from pgpipe import devices, rng
from pgpipe.config import Section, read_params
from pgpipe.data.multires import read_labels
from pgpipe.files import atomic, fresh_folder
from pgpipe.images import SHEET_COLUMNS, Images, contact_sheet, write_png
from pgpipe.layout import GENERATOR
from pgpipe.nets.config import SampleSection
from pgpipe.nets.generator import Generator
from pgpipe.nets.sampling import load_generator, render, render_all, spherical_path
from pgpipe.reporting.progress import track
from stages.paths import MULTIRES, SAMPLES, model

WALKS = 8  # from one random latent to the next


class Params(Section):
    """What it reads."""

    sample: SampleSection
    final: str = Field(alias="growth.final")


def run() -> None:
    """Write samples/: images.npy uint8 [N, R, R, C], and grids."""
    params = read_params(Params)
    section = params.sample
    generator = load_generator(model(params.final) / GENERATOR, devices.choose())
    fresh_folder(SAMPLES)
    drawn = draw(generator, section)
    with atomic(SAMPLES / "images.npy") as file:
        np.save(file, drawn)
    for name, picture in pictures(generator, drawn, section.seed).items():
        write_png(SAMPLES / f"{name}.png", picture)


def draw(generator: Generator, section: SampleSection) -> Images:
    """The images to score: labels, if any, as frequent as in the data."""
    latents = draw_latents(generator, section.images, section.seed, "sample")
    labels = None
    if generator.spec.classes:
        known = torch.from_numpy(read_labels(MULTIRES))
        key = rng.key(section.seed, "sample labels", 0)
        labels = known[rng.integers(len(known), (section.images,), key)]
    batches = render(generator, latents, labels, batch=section.minibatch)
    return np.concatenate(list(track(batches, "sample", section.images)))


def draw_latents(generator: Generator, count: int, seed: int, stream: str) -> torch.Tensor:
    """[count, latent_size] from N(0, I)."""
    return rng.normal((count, generator.spec.latent_size), rng.key(seed, stream, 0))


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
