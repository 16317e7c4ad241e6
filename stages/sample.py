"""sample: images of the final generator, for scoring and for looking at."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.config import PhaseKey, Section, read_params
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import (
    HELD_OUT,
    Chosen,
    ImageStore,
    read_captions,
    read_labels,
    read_manifest,
)
from pgpipe.gan.config import SampleSection
from pgpipe.gan.encoding import read_encoder, reconstructions
from pgpipe.gan.generator import Generator
from pgpipe.gan.latents import path as path_between
from pgpipe.gan.samples import latents, write, write_batches
from pgpipe.gan.sampling import read_generator, render_all
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.text import conditions, distinct
from pgpipe.images import (
    SHEET_COLUMNS,
    SHEET_ROWS,
    SHEET_TILE,
    Images,
    contact_sheet,
    grid,
    write_png,
)
from pgpipe.metrics.config import Protocol, ScoreSection, protocol_for
from pgpipe.metrics.streams import stream
from pgpipe.plumbing import devices, sealed, tensors
from pgpipe.plumbing.files import fresh_folder, write_array, write_json
from pgpipe.plumbing.layout import GENERATOR, LAST
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.processes.group import Processes
from pgpipe.reporting.progress import track
from stages.paths import (
    DRAWN,
    DRAWN_CAPTIONS,
    DRAWN_FACTS,
    DRAWN_LABELS,
    DRAWN_LAST,
    DRAWN_ROWS,
    MULTIRES,
    ORIGINALS,
    RECONSTRUCTED,
    SAMPLES,
    SOURCES,
    images,
    model,
)

PLANE = 12  # images along each axis of a picture of all latents, where these are two numbers
ROWS = 12  # of captions that are shown
WALKS = 8  # from one random latent to the next


class Params(Section):
    """The parameters that the stage reads."""

    sample: SampleSection
    score: ScoreSection
    final: PhaseKey = Field(alias="growth.final")
    mirror: bool = Field(alias="train.mirror")


def run() -> None:
    """Write samples/, in as many processes as the environment asks for."""
    launch.share(["sample"], sample)


def sample(group: Processes) -> None:
    """Write images.npy uint8 [N, R, R, C], labels.npy or captions.npy int64 [N] if any, and grids.

    Where the best tick was selected and is not the last one, also last.npy, from the last one.
    """
    params = read_params(Params)
    section, last = params.sample, model(params.final) / LAST
    known, captions = read_labels(MULTIRES), read_captions(MULTIRES)
    protocol = protocol_for(params.score, len(known), params.mirror)
    count = section.count(max(protocol.needs(stacked=sealed.has(SOURCES)).values()))
    watch = partial(track, what="sample", total=count)
    generator, facts = load(model(params.final) / GENERATOR)
    kimg = facts["row"]["kimg"]
    last_kimg = tensors.read_facts(last)["row"]["kimg"]
    given = conditions(generator.spec, known, captions)
    numbers = None if given.numbers is None else draw_labels(given.numbers, count, section.seed)
    labels = None if numbers is None else given.of(numbers)
    if group.writes:
        fresh_folder(SAMPLES)
    write(DRAWN, generator, section, count, labels, group, watch)
    if kimg != last_kimg:
        write(DRAWN_LAST, load(last)[0], section, count, labels, group, watch)
    if group.writes:
        if numbers is not None:
            place = DRAWN_LABELS if given.codes is None else DRAWN_CAPTIONS
            write_array(place, numbers.numpy())
        if given.codes is not None:
            texts, _ = distinct(captions)
            write_json(DRAWN_ROWS, [texts[row] for row in rows_shown(len(texts))])
        drawn_by = {"kimg": kimg, "last_kimg": last_kimg, "train_precision": facts["precision"]}
        if SYSTEMS[generator.spec.name].encoder:
            encoder = read_encoder(model(params.final) / GENERATOR).to(devices.exact())
            drawn_by |= reconstruct(encoder, generator, protocol)
        write_json(DRAWN_FACTS, drawn_by)
        drawn = sealed.read_array(DRAWN, "r")
        for name, picture in pictures(generator, drawn, section.seed, given.codes).items():
            write_png(SAMPLES / f"{name}.png", picture)
        sealed.seal(SAMPLES)


def reconstruct(encoder: nn.Module, decoder: Generator, protocol: Protocol) -> dict[str, Any]:
    """Write images, their reconstructions, and a picture of both; return what is said of them.

    They are as many as SWD takes: held-out ones first, then training images, from the end of the
    order whose beginning is what scores compare with.
    """
    side, wanted = decoder.resolution, protocol.swd_images
    held_out = min(read_manifest(MULTIRES).get(HELD_OUT, 0), wanted)
    counts = {MULTIRES / HELD_OUT / f"r{side}": held_out, images(side): wanted - held_out}
    chosen = [last_of(folder, count, protocol) for folder, count in counts.items() if count]
    shape = (wanted, side, side, decoder.spec.channels)
    write_batches(ORIGINALS, shape, (batch for some in chosen for batch in stream(some)()))
    originals = sealed.read_array(ORIGINALS, "r")
    write_batches(RECONSTRUCTED, shape, reconstructions(encoder, decoder, originals))
    rows = SHEET_COLUMNS * SHEET_ROWS // 2
    pairs = [sealed.read_array(file, "r")[:rows] for file in (ORIGINALS, RECONSTRUCTED)]
    write_png(SAMPLES / "reconstructions.png", contact_sheet(in_turn(*pairs)))
    return {
        "reconstructed": held_out or wanted,
        "reconstructed_are": "held-out" if held_out else "training",
    }


def last_of(folder: Path, count: int, protocol: Protocol) -> Chosen:
    """Return the last images of the order that scores take reals by the beginning of."""
    store = mirrored.seen(ImageStore(folder), protocol.mirror, protocol.seed)
    return Chosen(store, mirrored.order(len(store), protocol.seed)[::-1][:count])


def in_turn(originals: Images, others: Images) -> Images:
    """Put a row of a sheet's originals above the same row of others, row by row."""
    starts = range(0, len(originals), SHEET_COLUMNS)
    rows = [some[n : n + SHEET_COLUMNS] for n in starts for some in (originals, others)]
    return np.concatenate(rows)


def load(path: Path) -> tuple[Generator, dict[str, Any]]:
    """A phase's generator, and the facts in its file."""
    generator, facts = read_generator(path)
    return generator.to(devices.exact()), facts


def draw_labels(known: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Labels or captions of the images to score, as frequent as in the data: int64 [count]."""
    return known[rng.integers(len(known), (count,), rng.key(seed, "sample labels", 0))]


def pictures(
    generator: Generator, drawn: Images, seed: int, codes: Tensor | None
) -> dict[str, Images]:
    """Grids by name: random samples; walks between latents; a row of each class if conditional.

    Of captions' vectors [K, 256] there are a few rows, as far apart as can be.
    """
    made = {"random": contact_sheet(drawn)}
    ends = latents(generator, WALKS + 1, seed, "interpolation")
    walk = path_between(generator.spec, ends, SHEET_COLUMNS)
    rows, walk_rows = rows_of(generator, codes), None
    if rows is not None:
        walk_rows = rows[torch.arange(len(walk)) // SHEET_COLUMNS % len(rows)]
    made["interpolation"] = contact_sheet(render_all(generator, walk, walk_rows))
    if generator.spec.latent_size == 2:
        made["manifold"] = manifold(generator, rows)
    if rows is not None:
        z = latents(generator, SHEET_COLUMNS, seed, "row per class").repeat(len(rows), 1)
        each = rows.repeat_interleave(SHEET_COLUMNS, dim=0)
        made["row_per_class"] = contact_sheet(render_all(generator, z, each), len(rows))
    return made


def manifold(generator: Generator, rows: Tensor | None = None) -> Images:
    """Draw a generator's plane of latents: a grid of equal shares of N(0, I).

    With classes or captions, all of it is of the first.
    """
    quantiles = torch.special.ndtri((torch.arange(PLANE) + 0.5) / PLANE)
    y, x = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    z = torch.stack([x, y], dim=2).view(-1, 2)
    drawn_for = None if rows is None else rows[torch.zeros(len(z), dtype=torch.int64)]
    return grid(render_all(generator, z, drawn_for), PLANE, SHEET_TILE)


def rows_shown(captions: int) -> list[int]:
    """Return the numbers of a few of so many captions, as far apart as can be."""
    rows = min(ROWS, captions)
    return [row * captions // rows for row in range(rows)]


def rows_of(generator: Generator, codes: Tensor | None) -> Tensor | None:
    """Return all classes, int64 [n], or the vectors of a few captions [n, 256]; None without."""
    if codes is not None:
        return codes[rows_shown(len(codes))]
    return torch.arange(generator.spec.classes) if generator.spec.classes else None
