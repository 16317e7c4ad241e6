"""A page that draws in the browser: one file with the weights and a forward pass in JavaScript.

`page/network.js` computes what `gan.generator` computes, from a list of layers and their weights;
`page/page.html` is what a person sees. It is opened from the disk and loads nothing. Served by
`pgpipe explore`, it has no weights, and asks for what it shows.
"""

import base64
import html
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from pgpipe.drawing.seeds import COMPANY, require_no_captions
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError
from pgpipe.gan.dcgan import Transposed
from pgpipe.gan.generator import AFTER, Generator
from pgpipe.gan.layers import Conv, Dense, Layer, Seed4x4, UpConv
from pgpipe.gan.normalisation import BatchNorm

MOST_BYTES = 25_000_000  # of weights: more would take a browser seconds per image
FOLDER = Path(__file__).parent / "page"
KINDS = {Seed4x4: "first", Conv: "same", UpConv: "up", Transposed: "transposed", Dense: "dense"}
SLOPES = {"relu": 0.0, "lrelu": 0.2}  # of negative numbers, by spec.generator_activation
WEAK_SLOPE = 0.3  # of the weak generator's leaky ReLU


def obstacle(generator: Generator) -> str | None:
    """Return why a page cannot hold a generator; None where it can."""
    layers = generator.layers()
    if not generator.in_a_row or any(type(layer) not in KINDS for layer in layers):
        return f"a page cannot draw a {generator.spec.name}"
    size = sum(4 * p.numel() for layer in layers for p in layer.parameters())
    if size > MOST_BYTES:
        return (
            f"{size / 1e6:.1f} MB of weights are more than the {MOST_BYTES // 1_000_000} MB that a "
            "browser draws from"
        )
    return None


def page(trained: Trained, title: str, about: str, served: bool = False) -> bytes:
    """Return the page as HTML.

    Args:
        trained: what is drawn from.
        title: of the page.
        about: a line on what it draws.
        served: it asks its server for images, and holds no weights.

    Raises:
        UsageError: the page would hold a generator that it cannot draw.
    """
    if not served and (told := obstacle(trained.generator)):
        raise UsageError(told)
    tensors = () if served else numbers(trained.generator)
    data = b"".join(tensor.cpu().numpy().astype("<f4").tobytes() for tensor in tensors)
    known = model(trained) | {"layers": [] if served else described(trained.generator)}
    parts = {
        "@TITLE@": html.escape(title),
        "@ABOUT@": html.escape(about),
        "@CONNECT@": "'self'" if served else "'none'",
        "@MODEL@": json.dumps(known | {"served": served}).replace("<", "\\u003c"),
        "@NETWORK@": (FOLDER / "network.js").read_text(encoding="utf-8"),
        "@WEIGHTS@": base64.b64encode(data).decode(),
    }
    before, *rest = (FOLDER / "page.html").read_text(encoding="utf-8").split("@")
    found = [before]
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        found += [parts[f"@{name}@"], text]
    return "".join(found).encode()


def numbers(generator: Generator) -> Iterator[Tensor]:
    """Yield weight, bias and gain of each layer, the weights as the layer computes with them."""
    for layer in generator.layers():
        yield layer.scaled().detach()
        yield layer.bias.detach()
        if isinstance(layer.norm, BatchNorm):
            yield layer.norm.gain.detach()


def model(trained: Trained) -> dict[str, Any]:
    """Return what the page has to know beside the weights."""
    generator = trained.generator
    require_no_captions(generator)
    spec, classes = generator.spec, generator.spec.classes
    return {
        "resolution": generator.resolution,
        "channels": spec.channels,
        "latent_size": spec.latent_size,
        "latents": spec.latents,
        "latent_norm": spec.latent_norm,
        "classes": classes,
        "labels": list(trained.classes) or [str(n) for n in range(classes)],
        "tanh": spec.tanh,
        "company": COMPANY if spec.generator_norm == "batch" else 0,
        "streams": {name: zlib.crc32(name.encode()) for name in ("latent", "label")},
    }


def described(generator: Generator) -> list[dict[str, Any]]:
    """Return what each layer does that draws."""
    return [description(generator, layer) for layer in generator.layers()]


def description(generator: Generator, layer: Layer) -> dict[str, Any]:
    """Return what a layer of the page does; the last one has no activation."""
    kind, spec = KINDS[type(layer)], generator.spec
    shape = layer.weight.shape  # [K, C], [K, C, k, k], or [C, K, k, k] of what enlarges
    maps, maps_in = shape[:2] if kind in ("same", "dense") else (shape[1], shape[0])
    inner = layer is not generator.layers()[-1]
    normed = inner and not (kind == "first" and spec.first_layer == "no-norm")
    slope = WEAK_SLOPE if spec.name == "weak" else SLOPES[spec.generator_activation]
    return {
        "kind": kind,
        "maps_in": maps_in,
        "maps": maps,
        "biases": layer.bias.numel(),
        "kernel": 1 if kind == "dense" else shape[2],
        "norm": layer.norm is not None,
        "slope": slope if inner else 1.0,
        "norm_after": spec.generator_norm if normed and spec.generator_norm in AFTER else "",
    }
