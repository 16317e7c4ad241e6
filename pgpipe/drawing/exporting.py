"""A folder with a generator and all that others need of it, as model hubs have them."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pgpipe import __version__
from pgpipe.drawing import graphs, seeds
from pgpipe.drawing.trained import Trained
from pgpipe.errors import PgpipeError, UsageError
from pgpipe.gan import started
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import facts_of
from pgpipe.images import grid, png
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import sync_folder
from pgpipe.plumbing.hashes import sha256
from pgpipe.plumbing.layout import GENERATOR, NETWORKS, STATE

CONFIG, CARD, SAMPLES, PAGE = "config.json", "README.md", "samples.png", "index.html"
ONNX, TORCHSCRIPT = "generator.onnx", "generator.pt"
NAMES = (GENERATOR, NETWORKS, CONFIG, CARD, SAMPLES, PAGE, ONNX, TORCHSCRIPT)
LIBRARY = "pgpipe"
SHOWN = 16  # seeds in the picture of samples
COLUMNS, TILE = 4, 128  # pixels of an image there, at least

Config = dict[str, Any]


def config_of(trained: Trained, facts: dict[str, Any], data: bytes) -> Config:
    """Return what the folder says of its generator, for programs.

    Args:
        trained: the generator.
        facts: of its file.
        data: the file's bytes.
    """
    generator = trained.generator
    return {
        "library_name": LIBRARY,
        "library_version": __version__,
        "architecture": generator.spec.name,
        **facts_of(generator.spec, generator.resolution),
        "parameters": parameters(generator),
        "latents": "N(0, 1)",
        "images": "float, [-1, 1], [N, channels, resolution, resolution]",
        "labels": list(trained.classes),
        "sha256": sha256(data),
        **{name: facts[name] for name in ("row", "precision") if name in facts},
    }


def parameters(generator: Generator) -> int:
    """Return the number of parameters that draw; toRGB of smaller resolutions do not."""
    return sum(p.numel() for layer in generator.layers() for p in layer.parameters())


def samples(trained: Trained) -> bytes:
    """Return the picture of the first seeds, as PNG."""
    generator, chosen = trained.generator, range(SHOWN)
    z, labels = seeds.latents(generator, chosen), seeds.labels(generator, chosen)
    return png(grid(np.concatenate(list(seeds.draw(generator, z, labels))), COLUMNS, TILE))


def require_place(to: Path) -> None:
    """Refuse a folder in which files that are not an export's would be replaced.

    Raises:
        UsageError: it is a file, or has such files.
    """
    if os.path.lexists(to) and not to.is_dir():
        raise UsageError(f"--to: {to}: a file where a folder has to be")
    taken = [name for name in NAMES if os.path.lexists(to / name)]
    if taken and not is_export(to):
        raise UsageError(f"--to: {to}: has a {taken[0]} that is no export's; name another folder")


def is_export(folder: Path) -> bool:
    """Return whether a folder was written here."""
    try:
        found = sealed.read_json(folder / CONFIG)
    except PgpipeError:
        return False
    return isinstance(found, dict) and found.get("library_name") == LIBRARY


@contextmanager
def complete(to: Path) -> Iterator[Path]:
    """Give a temporary folder, whose files take their places in `to` when the block succeeds.

    What an earlier export left there and this one does not have goes away.
    """
    near = next(p for p in [to.absolute(), *to.absolute().parents] if p.is_dir())
    with tempfile.TemporaryDirectory(prefix=".", suffix=".pgpipe.tmp", dir=near) as folder:
        yield Path(folder)
        to.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            if (Path(folder) / name).exists():
                (Path(folder) / name).replace(to / name)
            else:
                (to / name).unlink(missing_ok=True)
        sync_folder(to)


def write_networks(folder: Path, place: Path) -> None:
    """Write all networks of a phase's model, for another training to start from.

    Raises:
        UsageError: there is a generator alone.
    """
    file = next((place / name for name in (STATE, NETWORKS) if (place / name).is_file()), None)
    if file is None:
        raise UsageError(f"--networks: {place}: no folder with {STATE}: there is a generator alone")
    started.read(file).save(folder / NETWORKS)


def write_graphs(folder: Path, generator: Generator, onnx: bool, torchscript: bool) -> None:
    """Write the generator for programs without pgpipe; errors are those of `graphs`."""
    if onnx:
        graphs.write_onnx(folder / ONNX, generator)
    if torchscript:
        graphs.write_torchscript(folder / TORCHSCRIPT, generator)


def written(folder: Path) -> Sequence[str]:
    """Return the names of what an export consists of."""
    return [name for name in NAMES if (folder / name).exists()]
