"""The networks layer by layer, as the paper's table 2 lists them, of whatever system.

A network is built on torch's device `meta`, where tensors have shapes and no numbers, and called
once; what it does is written down as it happens. So the list says what the code computes. Each
module with weights of its own is a row; so are what enlarges, halves and joins feature maps.
"""

import inspect
import re
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import Conv, Dense, DownConv, Layer, Seed4x4, UpConv

TITLES = {  # of layers; others go by the names of their classes
    Seed4x4: "Conv 4x4",
    Conv: "Conv",
    UpConv: "Conv",  # of an upsampled image, which has a row of its own
    DownConv: "Conv, downsample",
    Dense: "Fully-connected",
}
ACTIVATIONS = {
    "leaky_relu": "LReLU",
    "relu": "ReLU",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "amax": "maxout",
}
RESIZES = {"interpolate": "Upsample", "avg_pool2d": "Downsample"}
INPUTS = {"z": "Latent vector", "images": "Input image"}  # by the name of a network's argument


class Row(NamedTuple):
    """What a layer is, and what comes out of it."""

    layer: str
    activation: str  # "linear" of weights without one, "" where there are no weights
    norm: str  # pixel, batch, ...; "" without one
    shape: tuple[int, ...]  # [C, H, W] of one image
    parameters: int


def rows(spec: NetworkSpec, name: str, resolution: int) -> list[Row]:
    """Return the layers through which the images of a resolution go, nothing fading."""
    with torch.device("meta"), torch.no_grad():
        walk = Walk(weights.network(spec, name, resolution))
        with walk:
            walk.net(**walk.enter(spec, resolution))
    return walk.rows


def parameters(spec: NetworkSpec, name: str, resolution: int) -> int:
    """Return the number of all parameters of a network, those that only fades use among them."""
    with torch.device("meta"):
        return count(weights.network(spec, name, resolution))


class Walk(TorchFunctionMode):
    """Writes down what a network does while it is called."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.rows: list[Row] = []
        self.inside: nn.Module | None = None  # the module with weights that computes now
        self.flattened: Sequence[int] = ()  # the shape of the maps that were made a vector last
        for module in net.modules():
            if list(module.parameters(recurse=False)):
                module.register_forward_pre_hook(self.begin)
                module.register_forward_hook(self.end)

    def enter(self, spec: NetworkSpec, resolution: int) -> dict[str, Tensor]:
        """Return what the network is called with, by the names of its arguments."""
        N = spec.stddev_group or 2
        known = {
            "z": torch.empty(N, spec.latent_size),
            "images": torch.empty(N, spec.channels, resolution, resolution),
            "labels": torch.zeros(N, spec.condition) if spec.condition else None,
        }
        wanted = inspect.signature(self.net.forward).parameters
        found = {k: v for k, v in known.items() if k in wanted and v is not None}
        self.rows += [row_of(title, found[k]) for k, title in INPUTS.items() if k in found]
        return found

    def begin(self, module: nn.Module, _inputs: object) -> None:
        """Note that a module with weights begins to compute."""
        self.inside = self.inside or module

    def end(self, module: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
        """Write the row of a module with weights."""
        if module is not self.inside:
            return  # a normalisation inside a layer
        self.inside = None
        if isinstance(module, UpConv):
            N, C = inputs[0].shape[:2]
            self.rows.append(row_of("Upsample", torch.empty(N, C, *out.shape[2:])))
        norm = type(getattr(module, "norm", None)).__name__.removesuffix("Norm").lower()
        title = self.title(module)
        row = row_of(title, out, count(module), "" if norm == "nonetype" else norm)
        self.rows.append(row._replace(activation="linear"))

    def title(self, module: nn.Module) -> str:
        """Return what a module with weights is called."""
        own = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(module).__name__).capitalize()
        title = next((text for kind, text in TITLES.items() if type(module) is kind), own)
        maps, self.flattened = self.flattened, ()
        if isinstance(module, Dense) and maps[2:] == (4, 4):  # what the paper calls it
            return "Conv 4x4"
        if isinstance(module, Layer) and module.weight.ndim == 4 and not title[-1].isdigit():
            kind, comma, rest = title.partition(",")
            return f"{kind} {module.weight.shape[2]}x{module.weight.shape[3]}{comma}{rest}"
        return title

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what torch is asked for, and write down what is no module's own."""
        out = func(*args, **(kwargs or {}))
        if self.inside is None and self.rows:
            self.note(func.__name__, caller(sys._getframe(1)), args, out)
        return out

    def note(self, name: str, place: str, args: Any, out: Any) -> None:
        """Write down a function of torch, which a function of ours at `place` has called."""
        if place.endswith("_norm"):
            self.rows[-1] = self.rows[-1]._replace(norm=place.removesuffix("_norm"))
        elif name in ACTIVATIONS:
            self.rows[-1] = self.rows[-1]._replace(
                activation=ACTIVATIONS[name], shape=shape_of(out)
            )
        elif name in RESIZES:
            self.rows.append(row_of(RESIZES[name], out))
        elif name == "cat":  # minibatch_stddev, and whatever else joins maps or vectors
            self.rows.append(row_of(place.replace("_", " ").capitalize(), out))
        elif name == "flatten":
            self.flattened = args[0].shape


def row_of(layer: str, out: Tensor, parameters: int = 0, norm: str = "") -> Row:
    """Return the row of what gives a minibatch [N, ...]."""
    return Row(layer, "", norm, shape_of(out), parameters)


def shape_of(out: Tensor) -> tuple[int, ...]:
    """Return the shape [C, H, W] of one image's part; of a vector [C, 1, 1]."""
    return (*out.shape[1:], 1, 1)[:3]


def count(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def caller(frame: FrameType | None) -> str:
    """Return the name of the function of ours that called torch."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("torch"):
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_name
