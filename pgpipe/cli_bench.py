"""The commands `pgpipe bench ...`: measurements, from a checkout."""

from typing import Annotated

import typer

# What the literal implementation does in about a minute, up to this resolution; above, fewer.
IMAGES, PAIRS, RESOLUTION = 256, 24, 128

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
    resolution: Annotated[int, typer.Option(help="16 times a power of 2.", min=16)] = RESOLUTION,
    pairs: Annotated[int, typer.Option(help="For MS-SSIM.", min=1)] = PAIRS,
    full: Annotated[
        bool, typer.Option(help="The literal ones at the same sizes, too: an hour or more.")
    ] = False,
) -> None:
    """SWD and MS-SSIM beside literal implementations: speed, agreement, peak memory.

    The literal ones see at most 256 images and 24 pairs without --full, above 128x128 as many
    pixels; speed is per image.
    """
    from pgpipe.bench.metrics import compare, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not 16 times a power of 2")
    share = max(resolution // RESOLUTION, 1) ** 2
    few = [
        count if full else min(count, -(-most // share))
        for count, most in ((images, IMAGES), (pairs, PAIRS))
    ]
    for line in table(compare(images, pairs, resolution, *few), resolution):
        typer.echo(line)
