"""The command that compares generated images with the training images nearest to them."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pgpipe.commands.data import MULTIRES
from pgpipe.commands.drawing import Place, trained
from pgpipe.errors import UsageError
from pgpipe.plumbing.terminal import say, warn

if TYPE_CHECKING:
    import torch

    from pgpipe.data.feeding.multires import ImageStore
    from pgpipe.scoring.neighbours import Space

MOST = 8192  # images of one command
CLASSIFIER = "reference/classifier.safetensors"  # of a project, as `stages.paths` says


def neighbours(
    generator: Place = None,
    seeds: Annotated[str, typer.Option(help="Such as 0-15,42.")] = "0-255",
    images: Annotated[
        Path | None, typer.Option(help="These instead: a .npy file, a folder or a .zip.")
    ] = None,
    features: Annotated[
        Literal["auto", "classifier", "inception", "pyramid"],
        typer.Option(
            help="Of the labels' classifier, of the network that `pgpipe weights` fetches, or the "
            "Laplacian pyramid; auto: the first of these that there is."
        ),
    ] = "auto",
    mirror: Annotated[
        bool | None,
        typer.Option(help="Look among mirrored images, too; as train.mirror if not given."),
    ] = None,
    data: Annotated[Path, typer.Option(help="The prepared data set.")] = MULTIRES,
    rows: Annotated[
        int,
        typer.Option(min=1, max=64, help="Of images in the picture; half are the most suspicious."),
    ] = 8,
    to: Annotated[Path, typer.Option(help="Folder to write.")] = Path("neighbours"),
) -> None:
    """Find the training images nearest to generated ones: does the generator copy?"""
    from pgpipe.data.feeding.multires import everything
    from pgpipe.drawing.neighbours import beside_neighbours
    from pgpipe.images import write_png
    from pgpipe.plumbing import devices
    from pgpipe.plumbing.files import write_bytes, write_json
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import track
    from pgpipe.scoring import neighbours as near

    if images is not None and generator is not None:
        raise UsageError("--images: with them no generator is needed")
    with TemporaryDirectory(prefix="pgpipe-") as scratch, naming_option("--to", to):
        store, names = chosen(generator, seeds, images, Path(scratch, "images"))
        side = require_alike(store, data)
        device = devices.exact()
        spaces = [near.pixels(side, device), space(features, data, side, device)]
        generated, mirrored = everything(store), mirrors(mirror)
        found = near.compare(
            data,
            generated,
            spaces,
            mirrored,
            lambda name, count: lambda blocks: track(blocks, name, count),
        )
        reals, training = near.reals_of(data, side), everything(near.training_of(data, side))
        known = near.facts(found, data, mirrored)
        picture = beside_neighbours(
            found, generated, names, reals.images, reals.names, training, rows
        )
        write_png(to / "neighbours.png", picture)
        write_bytes(to / "neighbours.csv", near.table(found, names, reals))
        write_json(to / "neighbours.json", known)
    say(f"{to}: neighbours.png, neighbours.csv, neighbours.json", *near.in_words(known))
    if known["copies"]:
        warn("it copies: look at the first rows of neighbours.png")


def chosen(
    generator: str | None, seeds: str, images: Path | None, scratch: Path
) -> "tuple[ImageStore, list[str]]":
    """Return the images that the user names, by seeds or by files, and the name of each.

    Raises:
        UsageError: they are too many.
    """
    from pgpipe.data.feeding.multires import ImageStore
    from pgpipe.data.preparing.shards import ShardWriter
    from pgpipe.drawing.seeds import draw, labels, latents, parse
    from pgpipe.reporting.progress import track
    from pgpipe.scoring import sets

    if images is not None:
        store = sets.read(images, scratch)
        names = [str(number) for number in range(len(store))]
    else:
        numbers = parse(seeds)
        names = [f"seed {seed}" for seed in numbers]
        if len(names) <= MOST:
            with trained(generator) as found, closing(ShardWriter(scratch)) as writer:
                net = found.generator
                drawn = draw(net, latents(net, numbers), labels(net, numbers))
                for batch in track(drawn, "generate", len(names)):
                    writer.append(batch)
            store = ImageStore(scratch)
    if len(names) > MOST:
        option = "--images" if images is not None else "--seeds"
        raise UsageError(f"{option}: {len(names):,} images are not <= {MOST:,}")
    return store, names


def require_alike(images: "ImageStore", data: Path) -> int:
    """Return the resolution of images that the data set has, too.

    Raises:
        UsageError: it has not, or not their channels; or it was not prepared.
    """
    from pgpipe.data.feeding.multires import read_shards

    _, side, _, channels = images.shape
    (shard, *_) = read_shards(data / f"r{side}")
    if shard.shape[3] != channels:
        raise UsageError(f"{data}: images of {shard.shape[3]} channels; these have {channels}")
    return side


def space(features: str, data: Path, side: int, device: "torch.device") -> "Space":
    """Return the features that the user names."""
    from pgpipe.plumbing import sealed
    from pgpipe.scoring import neighbours as near

    known = data.absolute().parents[1] / CLASSIFIER
    if features == "classifier" and not sealed.has(known):
        raise UsageError(
            f"--features: there is no {known}, which `pgpipe reference` writes where the images "
            "have two labels or more"
        )
    if features == "inception":
        return near.of_inception(side, device)
    if features == "pyramid":
        return near.of_pyramid(data, side, device)
    return near.best_features(data, known, side, device)


def mirrors(asked: bool | None) -> bool:
    """Return whether mirrored images count: as asked, else as the project's training does."""
    from pgpipe.config import PARAMS_FILE, load_yaml, lookup

    if asked is not None:
        return asked
    return PARAMS_FILE.is_file() and bool(lookup(load_yaml(PARAMS_FILE), "train.mirror"))
