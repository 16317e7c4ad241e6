"""sample: images of the final generator, for scoring and for looking at."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from pgpipe import rng
from pgpipe.config import PhaseKey, Section, read_params
from pgpipe.data.feeding.multires import read_labels
from pgpipe.gan.config import SampleSection
from pgpipe.gan.generator import Generator
from pgpipe.gan.samples import latents, write
from pgpipe.gan.sampling import read_generator, render_all, spherical_path
from pgpipe.images import SHEET_COLUMNS, Images, contact_sheet, write_png
from pgpipe.metrics.config import ScoreSection, protocol_for
from pgpipe.plumbing import devices, sealed, tensors
from pgpipe.plumbing.files import fresh_folder, write_array, write_json
from pgpipe.plumbing.layout import GENERATOR, LAST
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.processes.group import Processes
from pgpipe.reporting.progress import track
from stages.paths import (
    DRAWN,
    DRAWN_FACTS,
    DRAWN_LABELS,
    DRAWN_LAST,
    MULTIRES,
    SAMPLES,
    SOURCES,
    model,
)

WALKS = 8  # from one random latent to the next


class Params(Section):
    """The parameters that the stage reads."""

    sample: SampleSection
    score: ScoreSection
    final: PhaseKey = Field(alias="growth.final")


def run() -> None:
    """Write samples/, in as many processes as the environment asks for."""
    launch.share(["sample"], sample)


def sample(group: Processes) -> None:
    """Write images.npy uint8 [N, R, R, C], labels.npy int64 [N] if any, and grids.

    Where the best tick was selected and is not the last one, also last.npy, from the last one.
    """
    params = read_params(Params)
    section, last = params.sample, model(params.final) / LAST
    known = torch.from_numpy(read_labels(MULTIRES))
    needs = protocol_for(params.score, len(known)).needs(stacked=sealed.has(SOURCES))
    count = section.count(max(needs.values()))
    watch = partial(track, what="sample", total=count)
    generator, facts = load(model(params.final) / GENERATOR)
    kimg = facts["row"]["kimg"]
    last_kimg = tensors.read_facts(last)["row"]["kimg"]
    labels = draw_labels(known, count, section.seed) if generator.spec.classes else None
    if group.writes:
        fresh_folder(SAMPLES)
    write(DRAWN, generator, section, count, labels, group, watch)
    if kimg != last_kimg:
        write(DRAWN_LAST, load(last)[0], section, count, labels, group, watch)
    if group.writes:
        if labels is not None:
            write_array(DRAWN_LABELS, labels.numpy())
        drawn_by = {"kimg": kimg, "last_kimg": last_kimg, "train_precision": facts["precision"]}
        write_json(DRAWN_FACTS, drawn_by)
        drawn = sealed.read_array(DRAWN, "r")
        for name, picture in pictures(generator, drawn, section.seed).items():
            write_png(SAMPLES / f"{name}.png", picture)
        sealed.seal(SAMPLES)


def load(path: Path) -> tuple[Generator, dict[str, Any]]:
    """A phase's generator, and the facts in its file."""
    generator, facts = read_generator(path)
    return generator.to(devices.exact()), facts


def draw_labels(known: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Labels of the images to score, as frequent as among those of the data: int64 [count]."""
    return known[rng.integers(len(known), (count,), rng.key(seed, "sample labels", 0))]


def pictures(generator: Generator, drawn: Images, seed: int) -> dict[str, Images]:
    """Grids by name: random samples; walks between latents; a row of each class if conditional."""
    made = {"random": contact_sheet(drawn)}
    ends = latents(generator, WALKS + 1, seed, "interpolation")
    walk = spherical_path(ends, SHEET_COLUMNS)
    classes = generator.spec.classes
    walk_labels = torch.arange(len(walk)) // SHEET_COLUMNS % classes if classes else None
    made["interpolation"] = contact_sheet(render_all(generator, walk, walk_labels))
    if classes:
        z = latents(generator, SHEET_COLUMNS, seed, "row per class").repeat(classes, 1)
        rows = torch.arange(classes).repeat_interleave(SHEET_COLUMNS)
        made["row_per_class"] = contact_sheet(render_all(generator, z, rows), classes)
    return made
