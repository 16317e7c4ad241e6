"""The commands `pgpipe data ...`: which data sets there are, looks at raw and prepared ones."""

from pathlib import Path
from typing import Annotated

import typer

from pgpipe.plumbing.terminal import counted, note, say, say_table

MULTIRES = Path("data/multires")  # as `stages.paths` says, which an installed pgpipe has none of

Prepared = Annotated[Path, typer.Argument(help="A prepared data set.", show_default=True)]
Resolution = Annotated[
    int | None, typer.Option(min=4, help="Resolution in pixels; the largest if not given.")
]

app = typer.Typer(
    name="data",
    help="List the data sets there are, and look at raw and prepared ones.",
    no_args_is_help=True,
)


@app.command("list")
def list_sources() -> None:
    """Name each data set: its size, its licence, and what you put where by hand."""
    from pgpipe.data.sources.catalogue import listing

    say_table(listing())


@app.command()
def check(
    path: Annotated[
        Path | None,
        typer.Argument(help="A folder or .zip of images; the data set of params.yaml if none."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write all findings to this JSON file, too.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write a page for a browser to this file.")
    ] = None,
) -> None:
    """Look at a folder of images, or the data set of params.yaml, before anything is trained.

    Counts, sizes, modes, corrupt files, duplicates, classes, what crops lose, disk and memory.
    """
    from pgpipe.config import PARAMS_FILE, load_yaml
    from pgpipe.data.config import MADE
    from pgpipe.images import png
    from pgpipe.inspection import check, pictures, text
    from pgpipe.plumbing.files import write_bytes, write_json
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.data_page import render
    from pgpipe.reporting.progress import Meter
    from stages.check import check as checked
    from stages.check import plan_of
    from stages.paths import RAW

    document, where = load_yaml(PARAMS_FILE), str(PARAMS_FILE)
    if path is not None:
        own = {"name": "folder", "path": str(path.absolute()), "classes": [], "images": 0}
        document["dataset"] = {**document["dataset"], **own, "list": "", "labels": "source"}
        where = str(path)
    plan = plan_of(checked(document, where))
    if path is None and plan.dataset.name in MADE:
        note(f"data check: {plan.dataset.name}, as params.yaml says; name a folder to look at it")
    with Meter("check", plan.images or 0) as meter:
        report, sheet = check.check(plan, RAW, meter.update)
    say(*(f"warning: {warning}" for warning in report.warnings))
    say_table(text.rows(report))
    if json is not None:
        with naming_option("--json", json):
            write_json(json, report.model_dump())
    if page is not None:
        rows = pictures.groups(report.duplicates.near, plan, RAW)
        html = render(report.model_dump(), png(sheet), [png(row) for row in rows])
        with naming_option("--page", page):
            write_bytes(page, html.encode())


@app.command()
def show(
    folder: Prepared = MULTIRES,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of some images to this PNG file.")
    ] = None,
    resolution: Resolution = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed that chooses the images of the picture.")
    ] = 0,
) -> None:
    """Say what a prepared data set holds."""
    from pgpipe.images import write_png
    from pgpipe.inspection import prepared
    from pgpipe.plumbing.unwritable import naming_option

    known = prepared.manifest(folder)
    say(*(f"warning: {note}" for note in known.notes))
    say_table(prepared.rows(folder, known))
    if sheet is not None:
        picture = prepared.sheet(folder, resolution, seed)
        with naming_option("--sheet", sheet):
            write_png(sheet, picture)


@app.command()
def extract(
    to: Annotated[Path, typer.Option(help="The folder to write the images into.")],
    folder: Prepared = MULTIRES,
    resolution: Resolution = None,
    first: Annotated[int, typer.Option(min=0, help="Index of the first image to write.")] = 0,
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of images to write; all if not given.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write even if the folder has files in it.")
    ] = False,
) -> None:
    """Write prepared images as PNG files, which `dataset.name: folder` reads back."""
    from pgpipe.inspection import extract, prepared
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting.progress import Meter

    if not force:
        extract.require_empty(to)
    numbers = extract.chosen(prepared.manifest(folder).count, first, count)
    with Meter("extract", len(numbers)) as meter, naming_option("--to", to):
        extract.write_images(folder, to, resolution, numbers, meter.update)
    say(f"{counted(len(numbers), 'image')} in {to}")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A prepared data set.")],
    b: Annotated[Path, typer.Argument(help="Another prepared data set.")],
) -> None:
    """Say whether two prepared data sets are equal; the exit code is 1 where they differ.

    By the hashes of their manifests first, then image by image.
    """
    from pgpipe.inspection.compare import differences
    from pgpipe.reporting.progress import Meter

    with Meter("compare", 0) as meter:
        found = list(differences(a, b, meter.update))
    say(*(found or ["the same"]))
    raise typer.Exit(int(bool(found)))
