"""Drawing images from a trained generator, and the file that holds one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgpipe.errors import IntegrityError, UsageError, said_by
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import Images, to_uint8
from pgpipe.plumbing import tensors

ENCODER = "encoder."  # how the names of an encoder's weights begin
FORMAT = 2  # of a generator's file: raised when names, shapes or meaning of its weights change


Facts = dict[str, Any]


def render(
    generator: Generator,
    latents: Tensor,
    labels: Tensor | None,
    fade: Tensor | None = None,
    batch: int = 64,
) -> Iterator[Images]:
    """Images of latents [N, latent_size] (and int64 [N]) as uint8 [<= batch, R, R, C] in order."""
    for start in range(0, len(latents), batch):
        yield render_batch(generator, latents, labels, start, batch, fade)


@torch.no_grad()
def render_batch(
    generator: Generator,
    latents: Tensor,
    labels: Tensor | None,
    start: int,
    batch: int,
    fade: Tensor | None = None,
) -> Images:
    """Those of the batch that starts at one of the latents: uint8 [<= batch, R, R, C].

    With batch normalisation an image depends on those of its batch: the last batch is filled up
    with the first latents, so that every image is drawn among as many.
    """
    device = next(generator.parameters()).device
    together = generator.spec.generator_norm == "batch"
    count = min(batch, len(latents) - start)
    picks = torch.arange(start, start + (batch if together else count)) % len(latents)
    part = None if labels is None else labels[picks].to(device)
    images = generator(latents[picks].to(device), part, fade)[:count]
    drawn: Images = to_uint8(images).cpu().numpy()
    return drawn


def render_all(
    generator: Generator, latents: Tensor, labels: Tensor | None, fade: Tensor | None = None
) -> Images:
    """The same as one array uint8 [N, R, R, C]."""
    return np.concatenate(list(render(generator, latents, labels, fade)))


def save_generator(path: Path, generator: Generator, **facts: Any) -> None:
    """Write the generator; the file says what it takes to load it, and these further facts."""
    known = facts_of(generator.spec, generator.resolution)
    tensors.save(path, dict(generator.state_dict()), {**known, **facts})


def facts_of(spec: NetworkSpec, resolution: int) -> Facts:
    """What it takes to load a generator, beside its tensors."""
    return {"format": FORMAT, "resolution": resolution, "spec": spec.model_dump()}


def drawing(named: Mapping[str, Tensor], spec: NetworkSpec) -> tensors.Tensors:
    """Return what a generator's file takes of a state: the sampled average, and the encoder's.

    The former's weights have the names that they have in the network; the latter's, which only some
    systems have, begin with `encoder.`.
    """
    system = SYSTEMS[spec.name]
    found = {name.partition(".")[::2]: value for name, value in named.items()}
    kept = {name: value for (of, name), value in found.items() if of == system.sampled}
    encoder = {ENCODER + n: v for (of, n), v in found.items() if of == system.encoder}
    return {**kept, **encoder}


def load_generator(path: Path, device: torch.device) -> Generator:
    """Read what `save_generator` wrote; errors are those of `read_generator`."""
    return read_generator(path)[0].to(device)


def read_generator(path: Path) -> tuple[Generator, Facts]:
    """The generator of a file, on the CPU, and all of the file's facts.

    Raises:
        UsageError: it is missing, or of another format, so that its weights mean something else.
        IntegrityError: it is no generator's file.
    """
    named, facts = tensors.read(path)
    if not isinstance(facts, dict) or "resolution" not in facts or "spec" not in facts:
        raise IntegrityError(f"{path}: a file of tensors, but none of a generator")
    if (format_ := facts.get("format", 1)) != FORMAT:
        raise UsageError(
            f"{path}: a generator of format {format_}, where this pgpipe has {FORMAT}; "
            "`dvc repro` trains it anew"
        )
    try:
        return generator_of(named, facts), facts
    except (ValueError, TypeError, RuntimeError) as error:
        raise IntegrityError(
            f"{path}: not the generator that it says it is: {said_by(error)}"
        ) from None


def generator_of(named: tensors.Tensors, facts: Mapping[str, Any]) -> Generator:
    """The generator of a file's tensors and facts.

    It takes the tensors as they are, so that a file asks for no more memory than it has bytes.

    Raises:
        ValueError, TypeError, RuntimeError: the facts are no architecture's, or not that of the
            tensors.
    """
    spec, resolution = NetworkSpec(**facts["spec"]), facts["resolution"]
    system = SYSTEMS[spec.name]
    if resolution not in {1 << n for n in range(2, 11)} or resolution < system.smallest:
        raise ValueError(f"a {spec.name} has no resolution {resolution!r}")
    with torch.device("meta"):
        generator = weights.generator(spec, resolution)
    own = {name: value for name, value in named.items() if not name.startswith(ENCODER)}
    generator.load_state_dict(own, assign=True)
    return generator.requires_grad_(False)
