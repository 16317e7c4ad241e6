"""Images by seed: the same seed is the same image, on every machine but for rounding.

Latents and labels are counter-based random numbers of the seed alone. With batch normalisation an
image depends on those that it is drawn with, so each is then drawn among a fixed company.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.errors import UsageError
from pgpipe.gan.generator import Generator
from pgpipe.gan.latents import draw as draw_latents
from pgpipe.images import Images, to_uint8

MOST_SEEDS = 1 << 20  # of one command
LARGEST_SEED = (1 << 64) - 1
COMPANY = 15  # images that one is drawn among, where batch normalisation makes it depend on them
BATCH = 32  # images drawn at once


def parse(text: str) -> list[int]:
    """Return the seeds of a text such as `0-15,42`, in its order.

    Raises:
        UsageError: it is no list of seeds and ranges of them.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and first.isascii() and len(first) <= 20):
            raise UsageError(f"--seeds: {part!r} is no seed and no range such as 0-15")
        if dash and not (last.isdecimal() and last.isascii() and len(last) <= 20):
            raise UsageError(f"--seeds: {part!r} is no range such as 0-15")
        low, high = int(first), int(last or first)
        if not low <= high <= LARGEST_SEED:
            raise UsageError(f"--seeds: {part!r} does not go from less to more, up to 2^64 - 1")
        if len(found) + high - low >= MOST_SEEDS:
            raise UsageError(f"--seeds: more than {MOST_SEEDS} of them")
        found += range(low, high + 1)
    return found


def latents(generator: Generator, seeds: Sequence[int]) -> Tensor:
    """Return the latent of each seed: [N, latent_size]."""
    return torch.cat([draw_latents(generator.spec, 1, rng.key(s, "latent", 0)) for s in seeds])


def labels(generator: Generator, seeds: Sequence[int]) -> Tensor | None:
    """Return the label that each seed draws: int64 [N]; None without classes.

    Raises:
        UsageError: the generator draws captions, which no seed has.
    """
    require_no_captions(generator)
    classes = generator.spec.classes
    if not classes:
        return None
    drawn = [rng.integers(classes, (1,), rng.key(seed, "label", 0)) for seed in seeds]
    return torch.cat(drawn)


def require_no_captions(generator: Generator) -> None:
    """Refuse a generator that draws captions where none is stated, as a UsageError."""
    if generator.spec.captions:
        raise UsageError(
            "this generator draws what a text says: `pgpipe generate --text` and `pgpipe walk "
            "--texts` state one"
        )


def shares(generator: Generator, numbers: Tensor | None) -> Tensor | None:
    """Return labels, int64 [N], as whole shares of the classes, [N, classes]."""
    return None if numbers is None else torch.eye(generator.spec.classes)[numbers]


def draw(generator: Generator, z: Tensor, labels: Tensor | None) -> Iterator[Images]:
    """Yield the images of latents [N, latent_size] in batches, uint8 [<= 32, R, R, C].

    Labels are int64 [N], shares of the classes [N, classes], or captions' vectors [N, 256].
    """
    if generator.spec.generator_norm == "batch":
        yield from (draw_among_company(generator, z, labels, n) for n in range(len(z)))
        return
    for start in range(0, len(z), BATCH):
        chosen = slice(start, start + BATCH)
        yield pixels(generator, z[chosen], None if labels is None else labels[chosen])


def draw_among_company(generator: Generator, z: Tensor, labels: Tensor | None, n: int) -> Images:
    """Return one image, uint8 [1, R, R, C], drawn among others that are always the same."""
    company = latents(generator, range(COMPANY))
    together = torch.cat([z[n : n + 1], company])
    if labels is None:
        return pixels(generator, together, None)[:1]
    classes = generator.spec.classes
    if generator.spec.captions:
        others = labels[n : n + 1].expand(COMPANY, -1)
    else:
        others = torch.arange(COMPANY) % classes
        others = torch.eye(classes)[others] if labels.is_floating_point() else others
    return pixels(generator, together, torch.cat([labels[n : n + 1], others]))[:1]


@torch.no_grad()
def pixels(generator: Generator, z: Tensor, labels: Tensor | None) -> Images:
    """Return the images of latents [N, latent_size] as uint8 [N, R, R, C]."""
    device = next(generator.parameters()).device
    images = generator(z.to(device), None if labels is None else labels.to(device))
    drawn: Images = to_uint8(images).cpu().numpy()
    return drawn
