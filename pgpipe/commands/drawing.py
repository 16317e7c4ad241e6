"""The commands that use a trained generator, but `export`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pgpipe.errors import UsageError
from pgpipe.plumbing.startfile import RUNS
from pgpipe.plumbing.terminal import say

if TYPE_CHECKING:
    from pgpipe.drawing.trained import Trained

Place = Annotated[
    str | None,
    typer.Argument(
        metavar="[GENERATOR]",
        help="A generator's file, a models/rN folder or a runs:/RUN address of MLflow; the "
        "project's final generator if not given.",
    ),
]


@contextmanager
def place_of(given: str | None) -> Iterator[Path]:
    """Find what the user names, or the model of the project's final phase; a run's is fetched."""
    if given is None:
        yield final_model()
    elif given.startswith(RUNS):
        from pgpipe.tracking.artifact import fetch

        with TemporaryDirectory(prefix="pgpipe-") as folder:
            yield fetch(given, Path(folder))
    else:
        yield Path(given)


def final_model() -> Path:
    """Return the folder of the project's final phase.

    Raises:
        UsageError: this is no project, or its final phase is not trained.
    """
    from pgpipe.config import PARAMS_FILE, load_yaml, lookup

    if not PARAMS_FILE.is_file():
        raise UsageError("no project here: name a generator's file, or run this in a project")
    final = Path("models") / str(lookup(load_yaml(PARAMS_FILE), "growth.final"))
    if not final.is_dir():
        raise UsageError(f"{final}: not trained yet; run `dvc repro`, or name a generator's file")
    return final


@contextmanager
def trained(given: str | None) -> "Iterator[Trained]":
    """Open the generator that the user names."""
    from pgpipe.drawing.trained import open_trained

    with place_of(given) as place:
        yield open_trained(place)


def generate(
    generator: Place = None,
    seeds: Annotated[str, typer.Option(help="Such as 0-15,42.")] = "0-15",
    class_name: Annotated[
        str | None, typer.Option("--class", help="Of this class; else each seed draws its own.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="What to draw, such as 'red heart'; of generators trained with captions."
        ),
    ] = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="One picture of all, grid.png, instead of one per seed.")
    ] = False,
    npy: Annotated[
        bool,
        typer.Option("--npy", help="An array of all, images.npy, instead of a picture per seed."),
    ] = False,
    to: Annotated[Path, typer.Option(help="Folder, or a .zip of pictures.")] = Path("generated"),
) -> None:
    """Draw images from a trained generator, one PNG per seed.

    The same seed is the same image on every machine, but for rounding.
    """
    from pgpipe.drawing import writing
    from pgpipe.drawing.seeds import draw, labels, latents, parse
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import track

    chosen = parse(seeds)
    if to.suffix.lower() == ".zip" and (grid or npy):
        raise UsageError("--to: a .zip holds one picture per seed; --grid and --npy need a folder")
    with trained(generator) as found, naming_option("--to", to):
        classes, texts = ([name] if name is not None else [] for name in (class_name, text))
        vectors = found.vectors_of(classes, texts)
        wanted = (
            labels(found.generator, chosen) if vectors is None else vectors.expand(len(chosen), -1)
        )
        drawn = draw(found.generator, latents(found.generator, chosen), wanted)
        written = writing.write(to, chosen, track(drawn, "generate", len(chosen)), grid, npy)
    say(f"{written}: {len(chosen)} {'images' if len(chosen) > 1 else 'image'}")


def walk(
    generator: Place = None,
    between: Annotated[
        str | None,
        typer.Option(
            help="Go from latent to latent of files by `pgpipe project`: a.json,b.json; where the "
            "system has an encoder, of photographs, too."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="That the walk goes through, such as 0-7.")] = "0-7",
    classes: Annotated[
        str | None,
        typer.Option(help="Go from class to class, such as cat,dog, each cell at one latent."),
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(help="Go from text to text, such as 'red heart,green heart', likewise."),
    ] = None,
    smooth: Annotated[
        bool,
        typer.Option("--random", help="A smooth random walk, of the first seed, instead."),
    ] = False,
    frames: Annotated[
        int, typer.Option(min=1, max=3600, help="From one seed or class to the next.")
    ] = 45,
    rate: Annotated[float, typer.Option(min=1, max=60, help="Frames per second.")] = 30,
    grid: Annotated[str, typer.Option(help="Columns and rows of walks, side by side.")] = "3x2",
    to: Annotated[Path, typer.Option(help="A .mp4, .webp, .gif, or .png of all frames.")] = Path(
        "walk.webp"
    ),
) -> None:
    """Make a film of a walk through the latents, which ends where it began."""
    from pgpipe.drawing import films, latents, walks
    from pgpipe.drawing import seeds as by_seed
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import track

    writer, chosen = films.require_format(to), by_seed.parse(seeds)
    columns, rows = cells_of(grid)
    with trained(generator) as found, naming_option("--to", to):
        made = found.generator
        through = found.vectors_of(split(classes), split(texts))
        if through is None:
            by_seed.require_no_captions(made)
        if between is not None:
            stops, labels = latents.read([Path(name) for name in between.split(",")], found)
        else:
            stops = by_seed.latents(made, chosen)
            labels = None if through is not None else by_seed.labels(made, chosen)
        smoothed, cells = (chosen[0] if smooth else None), columns * rows
        shares = by_seed.shares(made, labels)
        straight = between is not None and found.encoder is not None
        asked = walks.Asked(stops, shares, through, smoothed, frames, cells, straight)
        pictures = walks.pictures(made, asked, columns)
        count = walks.length(asked)
        films.require_length(count)
        writer(to, (p[0] for p in track((p[None] for p in pictures), "walk", count)), rate)
    say(f"{to}: {count} frames")


def split(names: str | None) -> list[str]:
    """Return the names of a list with commas between them."""
    return [name for name in (names or "").split(",") if name.strip()]


def cells_of(grid: str) -> tuple[int, int]:
    """Return the columns and rows of a text such as 3x2."""
    columns, cross, rows = grid.partition("x")
    if not (cross and columns.isdecimal() and rows.isdecimal() and 1 <= int(columns) <= 16):
        raise UsageError(f"--grid: {grid!r} is no number of columns and rows such as 3x2")
    if not 1 <= int(rows) <= 16:
        raise UsageError(f"--grid: {grid!r} has not 1 to 16 columns and rows")
    return int(columns), int(rows)


def project(
    images: Annotated[list[Path], typer.Argument(help="Photographs.", metavar="IMAGES...")],
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator",
            "-g",
            help="A models/rN folder, whose discriminator compares features, too, a file or a "
            "runs:/RUN address; the project's final generator if not given.",
        ),
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="To draw; else that of the best first guess.")
    ] = None,
    starts: Annotated[
        int, typer.Option(min=1, max=64, help="Random latents that descend; the best is taken.")
    ] = 8,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Of the descent.")] = 300,
    to: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("projected"),
) -> None:
    """Find the latents of photographs, with a film of how each was found.

    A photograph is cut to its central square. NAME.png has it beside what the generator makes of
    it, NAME.webp the way there, and NAME.json the latent, for walks between two.
    """
    from pgpipe.drawing import latents, projecting
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import Meter

    names = latents.names_of(images)
    with place_of(generator) as place, naming_option("--to", to):
        found = projecting.opened(place)
        made = found.trained.generator
        label = None if class_name is None else found.trained.class_number(class_name)
        pictures = [projecting.photograph(image, made) for image in images]
        for name, picture in zip(names, pictures, strict=True):
            with Meter(f"project {name}", steps) as meter:
                projected = projecting.project(found, picture, label, starts, steps, meter.update)
            latents.write(to, name, projected, picture, found.trained)
            say(f"{to / name}.png: {projected.error:.1f} of 255 from the photograph")


def directions(
    generator: Place = None,
    seeds: Annotated[str, typer.Option(help="To go from, such as 0-2.")] = "0-2",
    count: Annotated[int, typer.Option(min=1, max=64, help="Of directions.")] = 5,
    steps: Annotated[int, typer.Option(min=2, max=32, help="Images of a strip.")] = 7,
    reach: Annotated[
        float, typer.Option(min=0.01, max=100, help="Of a strip's ends, in the latent's lengths.")
    ] = 0.8,
    to: Annotated[Path, typer.Option(help="Picture to write.")] = Path("directions.png"),
) -> None:
    """Show what moves along the directions that change the generator's first layer most.

    They are found in closed form (Shen and Zhou 2021), and often mean something: a colour, a turn.
    """
    from pgpipe.drawing import directions as closed_form
    from pgpipe.drawing import seeds as by_seed
    from pgpipe.plumbing.unwritable import naming_option

    chosen = by_seed.parse(seeds)
    if count * len(chosen) * steps > closed_form.MOST_IMAGES:
        raise UsageError(f"more than {closed_form.MOST_IMAGES} images; ask for fewer --seeds")
    with trained(generator) as found, naming_option("--to", to):
        closed_form.write(to, found.generator, chosen, count, steps, reach)
    say(f"{to}: {count} directions")


def explore(
    generator: Place = None,
    port: Annotated[int, typer.Option(min=1024, max=65535)] = 7860,
) -> None:
    """Serve a page that draws by seed, class and walk, to this machine only, until Ctrl-C.

    It is the page of an export, but PyTorch draws, so that the generator may be of any size.
    """
    from pgpipe.drawing import serving

    with trained(generator) as found, serving.listening(port) as opened:
        app = serving.application(found, f"pgpipe: {generator or final_model()}")
        serving.serve(app, opened)


def growth(
    model: Annotated[
        str | None,
        typer.Argument(help="A models/rN folder; that of the project's final phase if not given."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=64, help="Of eight fixed latents each.")] = 2,
    frames: Annotated[int, typer.Option(min=1, max=3600, help="At most.")] = 200,
    rate: Annotated[float, typer.Option(min=1, max=60, help="Frames per second.")] = 8,
    to: Annotated[Path, typer.Option(help="A .webp, .mp4, .gif, or .png of all frames.")] = Path(
        "growth.webp"
    ),
) -> None:
    """Make a film of the growth: the fixed latents as they were drawn while training."""
    from pgpipe.drawing import films
    from pgpipe.drawing import growth as grown
    from pgpipe.plumbing.unwritable import naming_option

    writer = films.require_format(to)
    with place_of(model) as place, naming_option("--to", to):
        pictures = list(grown.frames(place, rows, frames))
        writer(to, pictures, rate)
    say(f"{to}: {len(pictures)} frames")


def import_(
    file: Annotated[Path, typer.Argument(help="A pickle of G, D and Gs, or a checkpoint.")],
    network: Annotated[
        Literal["Gs", "G", "all"],
        typer.Option(
            help="Gs is the average of G over its training; all has D, too, for model.start."
        ),
    ] = "Gs",
    resolution: Annotated[
        int | None,
        typer.Option(
            help="To cut it to, where its larger layers are not trained yet; else all of it."
        ),
    ] = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("generator.safetensors"),
) -> None:
    """Convert a generator that another code trained; nothing in its file is run.

    The codes are the paper's in TensorFlow, pytorch_GAN_zoo and pro_gan_pytorch.
    """
    from pgpipe.drawing import official, ported
    from pgpipe.gan.sampling import save_generator
    from pgpipe.plumbing.unwritable import naming_option

    reader = ported if ported.is_written_by_torch(file) else official
    found = reader.read(file, network)
    found = found if resolution is None else found.cut(resolution)
    with naming_option("--to", to):
        if network == "all":
            found.save(to)
        else:  # how long it was trained is not in the file
            made = found.generator("average" if network == "Gs" else "generator")
            save_generator(to, made, labels=found.labels, row={"kimg": 0.0}, precision="fp32")
    told = "G, D and Gs" if network == "all" else network
    say(f"{to}: {told} of {file}, {found.resolution} x {found.resolution}")
