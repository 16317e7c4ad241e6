"""The model card of an exported generator: Markdown with a head that hubs read."""

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pgpipe.errors import visible
from pgpipe.reporting.page import score_rows

HEAD = """\
---
library_name: pgpipe
pipeline_tag: unconditional-image-generation
tags:
- progressive-gan
- gan
- image-generation
---
"""
ARCHITECTURES = {
    "pggan": "Progressive GAN",
    "dcgan": "DCGAN",
    "mlp": "fully connected GAN",
    "weak": "small GAN",
    "vae": "VAE",
    "vae-gan": "VAE-GAN",
    "stackgan": "StackGAN",
}  # others are called by their names
LATENTS = {  # with torch and with numpy
    "normal": ("torch.randn(4, {})", "np.random.randn(4, {})"),
    "uniform": ("torch.rand(4, {}) * 2 - 1", "np.random.uniform(-1, 1, (4, {}))"),
}
PYTHON = """\
```python
from pathlib import Path

import torch

from pgpipe.gan.sampling import load_generator, render_all

generator = load_generator(Path("generator.safetensors"), torch.device("cpu"))
latents = {torch_latents}
images = render_all(generator, latents, {labels})  # uint8 [4, {side}, {side}, {channels}]
```"""
ONNX = """\
```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
latents = {numpy_latents}.astype(np.float32)
(images,) = session.run(["images"], {{"latents": latents{feed}}})  # [4, {channels}, {side}, {side}]
```"""
TORCHSCRIPT = """\
```python
import torch

generator = torch.jit.load("generator.pt")
images = generator({torch_latents}{shares})  # [4, {channels}, {side}, {side}]
```"""

NETWORKS = """\
`networks.safetensors` has the other networks, too: in a project of pgpipe, `model.start: FOLDER`
starts a training from it."""

SNIPPETS = {
    "generator.safetensors": PYTHON,
    "networks.safetensors": NETWORKS,
    "generator.onnx": ONNX,
    "generator.pt": TORCHSCRIPT,
}


class Origin(Protocol):
    """Where a generator comes from: `drawing.origin.Origin`."""

    @property
    def data(self) -> str:
        """The data set's name; "" where it is not known."""

    @property
    def title(self) -> str:
        """What the catalogue says of it; "" where nothing."""

    @property
    def licence(self) -> str:
        """Its licence; "" where it is not known."""

    @property
    def scores(self) -> Mapping[str, Any]:
        """reports/metrics.json; empty where there are none of this generator."""

    @property
    def params(self) -> Mapping[str, Any]:
        """What it was trained with, by paths in params.yaml; empty where not known."""


def title(config: Mapping[str, Any], data: str) -> str:
    """Return what a generator is called: `Progressive GAN, 32x32, photos`."""
    side, kind = config["resolution"], config["architecture"]
    of_data = [data] if data else []
    return ", ".join([ARCHITECTURES.get(kind, kind), f"{side}x{side}", *of_data])


def render(config: Mapping[str, Any], origin: Origin, files: Sequence[str]) -> str:
    """Return the card.

    Args:
        config: config.json.
        origin: what is known of where the generator comes from.
        files: that lie beside the card.
    """
    sections = [
        f"{HEAD}\n# {title(config, origin.data)}",
        "![images of seeds 0 to 15](samples.png)",
        table(("", ""), facts(config)),
        "\n\n".join(["## Data", *of_data(origin)]),
        *of_scores(origin.scores),
        "\n\n".join(["## Use", *uses(config, files)]),
        *of_params(origin.params),
    ]
    return "\n\n".join(sections) + "\n"


def facts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known of a generator, in words."""
    spec, side = config["spec"], config["resolution"]
    yield "images", f"{side}x{side}, {'colour' if spec['channels'] == 3 else 'gray'}"
    yield "parameters", f"{config['parameters']:,}"
    yield "latents", f"{spec['latent_size']} numbers from N(0, 1)"
    if spec["classes"]:
        named = ", ".join(map(plain, config["labels"])) or f"{spec['classes']}, by number"
        yield "classes", named
    if "row" in config:
        yield "trained on", f"{round(1000 * config['row']['kimg']):,} real images shown"
    if "precision" in config:
        yield "trained in", str(config["precision"])


def of_data(origin: Origin) -> Iterator[str]:
    """Yield what is known of the data set, and what is not."""
    if origin.data:
        yield f"{origin.data}: {origin.title}." if origin.title else f"{origin.data}."
        yield f"Licence of the data: {origin.licence or 'not known here'}."
    else:
        yield "Not known here: say what the generator was trained on, and under which licence."
    yield "The licence of these weights is for whoever publishes them to state."


def of_scores(scores: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of scores, each beside the reals' own, if there are any."""
    cells = [
        (row.name, f"{row.value:.4g}", "" if row.own is None else f"{row.own:.4g}", row.meaning)
        for row in score_rows(scores)
    ]
    if cells:
        yield f"## Scores\n\n{table(('', 'images', 'reals', ''), cells)}"


def of_params(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parameters of the training, if they are known."""
    if params:
        lines = (visible(f"    {path}: {json.dumps(value)}") for path, value in params.items())
        yield "\n".join(["## Parameters", "", *lines])


def uses(config: Mapping[str, Any], files: Sequence[str]) -> Iterator[str]:
    """Yield how to draw from each of the files that are there."""
    spec, classes = config["spec"], config["spec"]["classes"]
    blanks = {
        **spec,
        "side": config["resolution"],
        "labels": f"torch.arange(4) % {classes}" if classes else "None",
        "feed": f', "classes": np.eye({classes}, dtype=np.float32)[np.arange(4) % {classes}]',
        "torch_latents": LATENTS[spec["latents"]][0].format(spec["latent_size"]),
        "numpy_latents": LATENTS[spec["latents"]][1].format(spec["latent_size"]),
        "shares": f", torch.eye({classes})[torch.arange(4) % {classes}]",
    }
    if not classes:
        blanks |= {"feed": "", "shares": ""}
    if "index.html" in files:
        yield "`index.html` draws in a browser, opened from the disk: seeds, classes and walks."
    yield "With pgpipe a seed is the same image on every machine:"
    yield "```\npgpipe generate . --seeds 0-15 --to images\npgpipe walk . --to walk.webp\n```"
    for name, text in SNIPPETS.items():
        if name in files:
            yield text.format(**blanks)
    if spec["generator_norm"] == "batch":
        yield (
            "Batch normalisation makes an image depend on those that it is drawn with. pgpipe and "
            "the page draw each among the same fifteen others; elsewhere draw many at once."
        )


def table(head: Sequence[str], rows: Any) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """Return a text that means nothing to Markdown or HTML."""
    return "".join(f"\\{c}" if c in "\\`*_[]|#" else c for c in html.escape(visible(text)))
