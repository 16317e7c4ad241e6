"""The benchmarks' command line, from a checkout's root: `python -m benchmarks --help`."""

from pathlib import Path
from typing import Annotated

import typer

from pgpipe.commands.app import main
from pgpipe.plumbing.terminal import note, say

# What the literal implementation does in about a minute, up to this resolution; above, fewer.
IMAGES, PAIRS, RESOLUTION = 256, 24, 128

app = typer.Typer(
    name="python -m benchmarks",
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
    from benchmarks.metrics import compare, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not 16 times a power of 2")
    share = max(resolution // RESOLUTION, 1) ** 2
    few = [
        count if full else min(count, -(-most // share))
        for count, most in ((images, IMAGES), (pairs, PAIRS))
    ]
    for line in table(compare(images, pairs, resolution, *few), resolution):
        say(line)


@app.command()
def train(
    presets: Annotated[
        list[str] | None, typer.Argument(help="To merge; none: params.yaml as it is.")
    ] = None,
    small: Annotated[bool, typer.Option(help="A small network, 4x4 to 64x64, for a CPU.")] = False,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Also with KEY=VALUE of `train` or `model`, in turns; any number."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures there, too.")] = None,
    repeats: Annotated[int, typer.Option(help="Turns, whose median counts.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="Of each in a turn.", min=0)] = 1.0,
) -> None:
    """Images a second of the training step, beside what this device attains; peak memory."""
    from benchmarks.settings import settings
    from benchmarks.train import measure
    from benchmarks.train_table import lines, report
    from pgpipe.plumbing.files import write_json

    chosen, found = settings(presets or [], small, beside or []), []
    for speed in measure(chosen, repeats, seconds):
        note(f"{speed.key} {speed.part} {speed.beside}: measured")
        found.append(speed)
    for line in lines(chosen, found):
        say(line)
    if json:
        write_json(json, report(chosen, found))


@app.command()
def systems(
    repeats: Annotated[int, typer.Option(help="Turns, whose median counts.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="Of each in a turn.", min=0)] = 1.0,
) -> None:
    """Images a second of each system's step at 32x32, small, beside its plainest writing."""
    from benchmarks.systems import measure

    for speed in measure(repeats, seconds):
        say(str(speed))


@app.command()
def schedule(
    presets: Annotated[
        list[str] | None, typer.Argument(help="To merge; none: params.yaml as it is.")
    ] = None,
) -> None:
    """Hours that a whole training takes on this device, from rates measured here and now."""
    from benchmarks.schedule import lines, rates_of, stretches
    from benchmarks.settings import settings

    setting = settings(presets or [], small=False, beside=[])[""]
    for line in lines(stretches(setting.growth, rates_of(setting))):
        say(line)


@app.command()
def data(
    resolutions: Annotated[
        list[int] | None, typer.Option("--resolution", help="A power of 2; any number.", min=4)
    ] = None,
    repeats: Annotated[int, typer.Option(help="Turns, whose median counts.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="Of each in a turn.", min=0)] = 1.0,
) -> None:
    """Images a second of the loader alone, beside numpy's indexing and torch's DataLoader."""
    from benchmarks.data import compare, lines

    found = [compare(size, repeats, seconds) for size in resolutions or (32, 128)]
    for line in lines(found):
        say(line)


@app.command()
def prepare(
    images: Annotated[int, typer.Option(help="JPEGs.", min=1)] = 200,
    resolution: Annotated[int, typer.Option(help="Of them, a power of 2.", min=8, max=1024)] = 1024,
    records: Annotated[int, typer.Option(help="32x32 images that are pixels.", min=1)] = 50_000,
) -> None:
    """Preparation beside one image at a time: speed, agreement, peak memory."""
    from benchmarks.prepare import compare, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not a power of 2")
    for line in table(*compare(images, resolution, records)):
        say(line)


@app.command()
def check(
    images: Annotated[int, typer.Option(help="JPEGs.", min=1)] = 2000,
    resolution: Annotated[int, typer.Option(help="Of them, a power of 2.", min=8, max=1024)] = 512,
    hashes: Annotated[int, typer.Option(help="For near-duplicates.", min=1)] = 200_000,
) -> None:
    """`pgpipe data check` beside preparation: speed and peak memory."""
    from benchmarks.look import compare, search, table
    from pgpipe.errors import UsageError

    if resolution & (resolution - 1):
        raise UsageError(f"--resolution: {resolution} is not a power of 2")
    for line in table(compare(images, resolution), hashes, search(hashes)):
        say(line)


@app.command()
def classifier(
    folder: Annotated[Path, typer.Argument(help="Has t10k-images-idx3-ubyte.gz and labels.")],
    network: Annotated[Path, typer.Option(help="A project's classifier.")] = Path(
        "reference/classifier.safetensors"
    ),
    fashion: Annotated[bool, typer.Option(help="Of clothes, not of digits.")] = True,
) -> None:
    """Accuracy of a project's classifier on the published test set of MNIST or Fashion-MNIST."""
    from benchmarks.classifier import accuracy

    share, count = accuracy(network, folder, fashion)
    say(f"{share:.4f} of {count} test images are given their class")


@app.command()
def finetune(
    seeds: Annotated[int, typer.Option(help="Of each row.", min=1)] = 3,
) -> None:
    """Fine-tuning from models/r32 beside training from nothing, on 300 pictures: an hour or so.

    Pictures that are in data/own already, and networks in starts/default, are taken.
    """
    from benchmarks.finetune import prepare, run

    prepare()
    run(seeds)


if __name__ == "__main__":
    main(app)
