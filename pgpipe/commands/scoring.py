"""The commands `pgpipe score` and `pgpipe gate`: as stages, or of images that are named."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from pgpipe.commands import stage
from pgpipe.errors import UsageError
from pgpipe.plumbing.terminal import note, say, say_table

if TYPE_CHECKING:
    from pgpipe.scoring.pair import Options


def score(
    real: Annotated[
        Path | None, typer.Option(help="Real images: a .npy file, a folder or a .zip.")
    ] = None,
    fake: Annotated[
        Path | None, typer.Option(help="Generated images: a .npy file, a folder or a .zip.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the scores to this JSON file, too.")
    ] = None,
    swd_images: Annotated[
        int | None,
        typer.Option(min=2, help="Images of each set for SWD; as many as both have if not given."),
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Pairs for MS-SSIM; half of the images if not given.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the patches, the directions and the chosen reals.")
    ] = 0,
    inception: Annotated[
        bool,
        typer.Option(
            "--inception", help="Also compute FID and the other scores of `pgpipe weights`."
        ),
    ] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Mirror half of the reals, as training did.")
    ] = False,
) -> None:
    """Score the samples against real images; with --real and --fake any two sets of images.

    Each is a .npy file (uint8, [N, R, R, 3], [N, 3, R, R] or [N, R, R]), or a folder or .zip of
    images.
    """
    if real is not None and fake is not None:
        from pgpipe.scoring.pair import Options

        two_sets(real, fake, json, Options(swd_images, pairs, seed, inception, mirror))
    elif real or fake or json or swd_images or pairs or seed or inception or mirror:
        raise UsageError("score: give --real and --fake, both, or no option at all")
    else:
        stage.run("score")


def two_sets(real: Path, fake: Path, json: Path | None, options: "Options") -> None:
    """Score two sets of images: a table on stdout, notes on stderr, and JSON."""
    from pgpipe.plumbing import devices
    from pgpipe.plumbing.files import write_json
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import track
    from pgpipe.scoring import pair, sets, table

    with TemporaryDirectory(prefix="pgpipe-") as scratch:
        reals, fakes = (
            sets.read(path, Path(scratch, name)) for name, path in (("real", real), ("fake", fake))
        )
        section = pair.protocol_of(options, reals, fakes)
        for line in pair.notes(section, len(reals), len(fakes)):
            note(f"score: {line}")
        metrics = pair.compare(reals, fakes, section, devices.exact(), track)
    say_table(table.rows(metrics), table.HEAD, table.NUMBERS)
    say(table.protocol(metrics))
    if json is not None:
        with naming_option("--json", json):
            write_json(json, metrics)


def gate(
    cifar10: Annotated[Path | None, typer.Option(help="CIFAR-10's 50,000 training images.")] = None,
) -> None:
    """Try the metrics on images whose scores are known; with --cifar10 the Inception score.

    CIFAR-10's 50,000 training images are a .npy file, or a folder or .zip of images.
    """
    if cifar10 is None:
        stage.run("gate")
        return
    from pgpipe.metrics import known
    from pgpipe.plumbing import devices
    from pgpipe.reporting.progress import track
    from pgpipe.scoring.cifar10 import check

    found = check(cifar10, devices.exact(), track)
    known.require(found)
    say(f"gate: {found}")
