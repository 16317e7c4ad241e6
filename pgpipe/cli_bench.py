"""The commands `pgpipe bench ...`: measurements, from a checkout."""

from typing import Annotated

import typer

IMAGES, PAIRS = 256, 24  # what the literal implementation does in about a minute

app = typer.Typer(
    name="bench",
    help="Measure speed and memory on this machine (from a checkout).",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def group() -> None:
    """Measure speed and memory on this machine (from a checkout)."""


@app.command()
def metrics(
    images: Annotated[int, typer.Option(help="Of each set, for SWD.", min=2)] = IMAGES,
    resolution: Annotated[int, typer.Option(help="16 times a power of 2.", min=16)] = 128,
    pairs: Annotated[int, typer.Option(help="For MS-SSIM.", min=1)] = PAIRS,
    full: Annotated[
        bool, typer.Option(help="The literal ones at the same sizes, too: an hour or more.")
    ] = False,
) -> None:
    """SWD and MS-SSIM beside literal implementations: speed, agreement, peak memory.

    The literal ones see at most 256 images and 24 pairs without --full; speed is per image.
    """
    from pgpipe.bench.metrics import compare, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not 16 times a power of 2")
    few = (images, pairs) if full else (min(images, IMAGES), min(pairs, PAIRS))
    for line in table(list(compare(images, pairs, resolution, *few)), resolution):
        typer.echo(line)


@app.command()
def prepare(
    images: Annotated[int, typer.Option(help="JPEGs.", min=1)] = 200,
    resolution: Annotated[int, typer.Option(help="Of them, a power of 2.", min=8, max=1024)] = 1024,
    records: Annotated[int, typer.Option(help="32x32 images that are pixels.", min=1)] = 50_000,
) -> None:
    """Preparation beside one image at a time: speed, agreement, peak memory."""
    from pgpipe.bench.prepare import compare, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not a power of 2")
    for line in table(*compare(images, resolution, records)):
        typer.echo(line)
