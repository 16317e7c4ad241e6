"""The command that makes a folder of a trained generator for others to use."""

from pathlib import Path
from typing import Annotated

import typer

from pgpipe.commands.drawing import Place, place_of
from pgpipe.plumbing.terminal import note, say


def export(
    generator: Place = None,
    to: Annotated[Path, typer.Option(help="Folder to write.")] = Path("exported"),
    networks: Annotated[
        bool,
        typer.Option(
            "--networks", help="Also networks.safetensors, with D, for model.start to train on."
        ),
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also generator.onnx, checked against PyTorch.")
    ] = False,
    torchscript: Annotated[
        bool, typer.Option("--torchscript", help="Also generator.pt, checked against PyTorch.")
    ] = False,
) -> None:
    """Make a folder for a model hub: weights, model card, and a page that draws in the browser."""
    from pgpipe.drawing import browser, exporting, graphs
    from pgpipe.drawing.origin import origin_of
    from pgpipe.drawing.trained import file_in, open_trained
    from pgpipe.plumbing import sealed, tensors
    from pgpipe.plumbing.files import write_bytes, write_json
    from pgpipe.plumbing.layout import GENERATOR
    from pgpipe.plumbing.unwritable import naming_option
    from pgpipe.reporting import card

    exporting.require_place(to)
    if onnx:
        graphs.onnx_runtime()
    with place_of(generator) as place, naming_option("--to", to), exporting.complete(to) as folder:
        file = file_in(place)
        found, origin, data = open_trained(place), origin_of(file), sealed.content(file)
        found.generator.cpu()
        config = exporting.config_of(found, tensors.read_facts(file), data)
        title = card.title(config, origin.data)
        write_bytes(folder / GENERATOR, data)
        write_json(folder / exporting.CONFIG, config)
        write_bytes(folder / exporting.SAMPLES, exporting.samples(found))
        if networks:
            exporting.write_networks(folder, place)
        exporting.write_graphs(folder, found.generator, onnx, torchscript)
        if not (told := browser.obstacle(found.generator)):
            about = f"{config['parameters']:,} parameters. Drawn by this page, on your machine."
            write_bytes(folder / exporting.PAGE, browser.page(found, title, about))
        else:
            note(f"index.html is not written: {told}; for a page that draws, run `pgpipe explore`")
        names = exporting.written(folder)
        text = card.render(config, origin, names)
        write_bytes(folder / exporting.CARD, text.encode())
    say(f"{to}: {', '.join(exporting.written(to))}")
