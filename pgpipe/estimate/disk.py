"""What a run writes to the disk, file by file as the stages write them.

DVC's cache copies the outputs where the file system has no reflinks, as ext4 has none; a model's
state is then a link into the cache, and the running phase's states are files of their own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pgpipe.data.sources import catalogue
from pgpipe.errors import ResourceError
from pgpipe.estimate.plan import Plan
from pgpipe.gan.config import KEPT_SNAPSHOT_BYTES
from pgpipe.gan.schedule import Phase
from pgpipe.gan.systems import SYSTEMS, Sizes
from pgpipe.gan.widths import resolutions
from pgpipe.plumbing.terminal import counted

EMBEDDED = {"photos": 3_406_630, "digits-1k": 57_651}  # bytes of the data that packages carry
FLOAT, INTEGER = 4, 8  # bytes
HEADER = 128  # bytes, of an .npy file
ENTRY = 112  # bytes of a tensor's name, shape and place in a file of tensors
ROW = 330  # bytes of a row of history in a state
STATES = 2  # kept of each phase
NAMED = 300  # bytes of a user's file in data/found.json and .pgpipe/found
BACKLOG = 8  # snapshots to be scored that training does not wait for
LATENTS = 64  # that previews draw
FEATURES = 2048  # of an image, by the Inception network
PLACES = (
    *("data/found.json", "data/raw", "data/multires", "models", "samples", "reference"),
    *(".pgpipe/found", ".pgpipe/prepare", ".pgpipe/prepared", ".pgpipe/state", ".dvc/cache"),
)
MOMENTS = 3  # tensors of Adam for each weight: two moments, and a counter of 4 bytes


class Part(NamedTuple):
    """Files that belong together, and their size."""

    where: str
    what: str
    bytes: int
    certain: bool = True  # at least so much, whatever the data and the compression


def parts(plan: Plan, images: int | None = None, raw: int = 0) -> list[Part]:
    """All that a run writes; `images` and `raw` bytes are those of data that only a look tells."""
    count = plan.images if images is None else images
    outputs = [
        *raw_data(plan, raw),
        *(
            [Part("data/found.json", "what your files are", NAMED * images, False)]
            if images
            else []
        ),
        *([] if count is None else data(plan, count, plan.images is not None)),
        *models(plan),
        *scoring(plan, count),
    ]
    cached = sum(part.bytes for part in outputs) + sum(state(plan, k) for k in plan.growth.phases)
    return [
        *outputs,
        *states(plan),
        Part(".dvc/cache", "copies of outputs, or links", cached, certain=False),
    ]


def raw_data(plan: Plan, raw: int) -> Iterator[Part]:
    """The images as published."""
    name = plan.dataset.name
    known = EMBEDDED.get(name) or catalogue.entries()[name].bytes
    yield Part("data/raw", "as published", known or raw, certain=known > 0)


def data(plan: Plan, count: int, certain: bool) -> Iterator[Part]:
    """The prepared images of all resolutions, and their labels."""
    for resolution in resolutions(plan.dataset.resolution):
        pixels = count * resolution**2 * plan.dataset.channels
        yield Part(f"data/multires/r{resolution}", f"{count} images", pixels + HEADER, certain)
    columns = 4 if plan.dataset.stacked else 1  # a label, and which digits are stacked
    yield Part("data/multires", "labels", columns * INTEGER * count + HEADER, certain)


def models(plan: Plan) -> Iterator[Part]:
    """What each phase begins with and leaves, but for its state."""
    for key, phase in plan.growth.phases.items():
        yield Part(f"models/layers/{key}", "first weights", first_weights(plan, phase))
        yield Part(f"models/{key}", "last generator", generator(plan, phase))
        if plan.snapshots(phase) and plan.train.select != "last":
            best = "generator of the best tick, if another"
            yield Part(f"models/{key}", best, generator(plan, phase), certain=False)
        yield Part(f"models/{key}/previews", "pictures", previews(plan, phase), certain=False)


def states(plan: Plan) -> Iterator[Part]:
    """What each phase goes through; the last is also the model's."""
    for key, phase in plan.growth.phases.items():
        kept = min(STATES, plan.ticks(phase))
        yield Part(f".pgpipe/state/{key}", counted(kept, "state"), kept * state(plan, key))
        if plan.snapshots(phase):
            one = generator(plan, phase)
            kept = max(one, min(plan.ticks(phase) * one, KEPT_SNAPSHOT_BYTES))
            yield Part(f".pgpipe/state/{key}/snapshots", "generators of ticks", kept)
    largest = max(state(plan, key) for key in plan.growth.phases)
    yield Part(".pgpipe/state", "a state while it is written", largest)
    waiting = [generator(plan, p) for p in plan.growth.phases.values() if plan.snapshots(p)]
    behind = (BACKLOG + 1) * max(waiting, default=0)
    yield Part(".pgpipe/state", "snapshots that are to be scored", behind, certain=False)


def first_weights(plan: Plan, phase: Phase) -> int:
    """Return the bytes of the layers that a phase adds."""
    before = plan.growth.phases[phase.origin].res if phase.origin != "init" else 0
    return tensors(trained(plan, phase.res)) - (tensors(trained(plan, before)) if before else 0)


def state(plan: Plan, key: str) -> int:
    """All weights, the averages, Adam's moments, and the rows of history so far."""
    phase = plan.growth.phases[key]
    weights = trained(plan, phase.res)
    moments = 2 * FLOAT * sum(weights) + (FLOAT + MOMENTS * ENTRY) * len(weights)
    moments *= plan.train.optimiser == "adam"
    rows = sum(plan.ticks(earlier) for _, earlier in plan.growth.chain(key))
    latents = LATENTS * (FLOAT * plan.model.latent_size + INTEGER)
    return tensors(weights) + generator(plan, phase) + moments + rows * ROW + latents


def generator(plan: Plan, phase: Phase) -> int:
    """Return the bytes of a generator's file: of the averages of what draws and encodes."""
    networks = SYSTEMS[plan.model.name].drawing_networks
    return tensors([size for network in networks for size in network.sizes(plan.spec, phase.res)])


def trained(plan: Plan, resolution: int) -> Sizes:
    """Return the sizes of the tensors of all networks."""
    networks = SYSTEMS[plan.model.name].networks.values()
    return [size for network in networks for size in network.sizes(plan.spec, resolution)]


def tensors(found: Sizes) -> int:
    """Bytes of a file of tensors."""
    return FLOAT * sum(found) + ENTRY * len(found)


def previews(plan: Plan, phase: Phase) -> int:
    """A picture a tick; PNG makes it smaller the smoother the images are."""
    return plan.ticks(phase) * LATENTS * phase.res**2 * plan.dataset.channels


def scoring(plan: Plan, images: int | None) -> Iterator[Part]:
    """What is scored of a data set of so many images, and what it is compared with."""
    protocol = plan.least_scored(images)
    count, pixels = plan.samples(protocol), plan.resolution**2 * plan.dataset.channels
    yield Part("samples", f"{count} images", count * pixels + HEADER)
    if SYSTEMS[plan.model.name].encoder:
        both = 2 * (protocol.swd_images * pixels + HEADER)
        yield Part("samples", f"{protocol.swd_images} images and reconstructions", both)
    labels = INTEGER * count + HEADER if plan.train.label_conditioning else 0
    certain = plan.spec.condition > 0 or plan.train.label_conditioning != "auto"
    yield Part("samples", "labels", labels, certain)
    yield Part("reference", "numbers of the reals", INTEGER * protocol.images + HEADER)
    if protocol.inception:
        features = FLOAT * FEATURES * protocol.fid_images + HEADER
        yield Part("reference", "features of the reals", features)


def require(plan: Plan, root: Path) -> None:
    """Refuse what the disk of `root` cannot hold for certain.

    What an earlier run has left counts as if this one had written it.

    Raises:
        ResourceError: with the place, the need and what is free.
    """
    whole = sum(part.bytes for part in parts(plan) if part.certain)
    free = shutil.disk_usage(root).free
    if whole > free and (need := whole - written(root)) > free:
        raise ResourceError(
            f"{root}: the run takes at least {human(need)} more, {human(free)} are free; free some "
            "or make the run smaller (`pgpipe check --estimate` says what takes how much)"
        )


def written(root: Path) -> int:
    """Bytes of all outputs and states below `root`, a file of several names once."""
    files = [path for place in PLACES for path in (root / place).rglob("*") if path.is_file()]
    return sum({(s.st_dev, s.st_ino): s.st_size for s in (f.stat() for f in files)}.values())


def human(count: float) -> str:
    """Bytes for people: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
