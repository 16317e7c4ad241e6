"""Checkpoints of two PyTorch codes: facebookresearch/pytorch_GAN_zoo, akanimax/pro_gan_pytorch.

PyTorch's restricted reader takes tensors, plain containers and one inert class; nothing is run.
Their layers are ours but for constants, which are folded into the weights: He's constant has the
gain sqrt(2) in every layer, the last ones too, and the zoo scales a layer's bias by it as well.
"""

import math
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from pgpipe.drawing import pickled
from pgpipe.drawing.official import (
    MOST_BYTES,
    Network,
    blaming,
    fitting,
    require_levels,
    require_numbers,
    spec_of_widths,
)
from pgpipe.errors import UsageError
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import Dense, Layer, Seed4x4, UpConv
from pgpipe.gan.started import Started
from pgpipe.gan.widths import resolutions
from pgpipe.plumbing.tensors import Tensors

# How a file of torch.save begins: a zip, or (before PyTorch 1.6) the pickle of a long number.
BEGINNINGS = (b"PK\x03\x04", bytes.fromhex("80028a0a6cfc9c46f9206aa850192e"))
CONFIG = "models.utils.config.BaseConfig"  # of the zoo: a class without anything but values
TANH = {"WGANGP": False, "Logistic": False, "MSE": True, "DCGAN": True}  # of the zoo's losses
ALONE = {"alpha": 0, "leakyReluLeak": 0.2, "perChannelNormalization": True}  # that ours can be
GROUP = 4  # of both codes' minibatch stddev
KINDS = {"G": ["generator"], "Gs": ["average"], "all": ["generator", "average", "discriminator"]}

State = Mapping[str, Tensor]
Layers = dict[str, str]  # names of layers of ours -> theirs


class Config:
    """A configuration of the zoo's, which is only looked at."""


def is_written_by_torch(path: Path) -> bool:
    """Return whether a file begins as torch.save begins it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(max(map(len, BEGINNINGS))).startswith(BEGINNINGS)


def read(path: Path, network: Network) -> Started:
    """Return a generator of a checkpoint, or all networks, at their full resolution.

    Raises:
        UsageError: it is no such file, or of networks that ours cannot be.
        IntegrityError: it is damaged, or asks for more than data.
    """
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path}: larger than {MOST_BYTES >> 30} GiB, which no such file is")
    with blaming(path, "checkpoint"):
        found = loaded(path)
        if not isinstance(found, Mapping):
            raise UsageError(f"{path}: a file of PyTorch's, but no checkpoint of networks")
        if isinstance(found.get("config"), Config) and "netG" in found:
            return of_zoo(path, found, network)
        return of_pro_gan(path, found, network)


def loaded(path: Path) -> Any:
    """Return what torch.save wrote, as far as it is data.

    Raises:
        pickled.Unsafe: it asks for more.
    """
    if zipfile.is_zipfile(path):  # PyTorch compresses nothing
        with zipfile.ZipFile(path) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > path.stat().st_size:
                raise pickled.Unsafe("unpacks to more bytes than it has")
    known = torch.serialization.safe_globals([(Config, CONFIG)])
    try:
        with known, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle's protocol
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S{1,100})", str(error))
        told = f"asks for {asked[1]}" if asked else "has a step"
        raise pickled.Unsafe(f"{told}, which no file of weights needs") from None


def state_of(path: Path, found: Any) -> State:
    """Return a network's tensors by their names, without what wrappers put into these."""
    named = {
        str(name).removeprefix("module.").replace(".module.", "."): pickled.require(value, Tensor)
        for name, value in pickled.require(found, Mapping).items()
    }
    require_numbers(named, path.stat().st_size)
    return {name: value.detach().float() for name, value in named.items()}


def folded(
    net: nn.Module, theirs: State, layers: Layers, equalised: bool, scaled_bias: bool = False
) -> Tensors:
    """Return the weights of a network of ours, on whatever device, that computes what theirs does.

    Args:
        net: has the layers.
        theirs: weights by their names.
        layers: which layer of theirs each is.
        equalised: He's constant is applied at run time.
        scaled_bias: to the bias, too.
    """
    found: Tensors = {}
    for ours, own in layers.items():
        layer, weight = net.get_submodule(ours), theirs[f"{own}.weight"]
        bias = theirs[f"{own}.bias"]
        assert isinstance(layer, Layer)
        fan_in = weight[0].numel()
        if isinstance(layer, UpConv):  # of the enlarged image: see `official.named_of`
            weight = weight.flip(2, 3).transpose(0, 1)
        elif isinstance(layer, Dense):  # the 4x4 convolution of 4x4 pixels, too
            weight = weight.flatten(1)
        elif isinstance(layer, Seed4x4) and weight.ndim == 4:  # transposed: [C, K, 4, 4]
            fan_in = len(weight)
        elif isinstance(layer, Seed4x4):  # dense: [16 K, C]
            weight, bias = weight.T.reshape(fan_in, -1, 4, 4), bias.reshape(-1, 4, 4)
        constant = math.sqrt(2 / fan_in) if equalised else 1.0
        found[f"{ours}.weight"] = weight * (constant / layer.scale)
        found[f"{ours}.bias"] = bias * (constant if scaled_bias else 1.0)
    return found


def empty(spec: NetworkSpec, kind: str, resolution: int) -> nn.Module:
    """Return a network of ours without memory for its weights."""
    with torch.device("meta"):
        return weights.network(spec, "generator" if kind == "average" else kind, resolution)


# facebookresearch/pytorch_GAN_zoo: netG, netD, avgG and a configuration


def of_zoo(path: Path, found: Mapping[str, Any], network: Network) -> Started:
    """Return networks of the zoo's; errors are those of `read`."""
    config = vars(found["config"])
    for key, wanted in ALONE.items():
        if config.get(key, wanted) != wanted:
            raise UsageError(f"{path}: its {key} is {config[key]}; only {wanted} is drawn here")
    loss = config.get("lossCriterion")
    if loss not in TANH:
        raise UsageError(f"{path}: its lossCriterion is {loss!r}, not {', '.join(TANH)}")
    names = {"generator": "netG", "average": "avgG", "discriminator": "netD"}
    states = {kind: state_of(path, found[names[kind]]) for kind in KINDS[network]}
    first = next(iter(states.values()))
    rgb = [
        value for name, value in first.items() if re.fullmatch(r"toRGBLayers\.\d+\.weight", name)
    ]
    if "formatLayer.weight" not in first:
        raise UsageError(f"{path}: of pytorch_GAN_zoo, but no progressive GAN: no formatLayer")
    top, labels = require_levels(path, len(rgb)), labels_of(path, config)
    spec = spec_of_widths(
        path,
        {r: value.shape[1] for r, value in zip(resolutions(top), rgb, strict=True)},
        latent_size=first["formatLayer.weight"].shape[1] - len(labels),
        latent_norm="joined",
        first_layer="pixel-bias",
        tanh=TANH[loss],
        equalised_lr=bool(config.get("equalizedlR", True)),
        fused_downsampling=False,
        channels=len(rgb[0]),
        classes=len(labels),
        minibatch_stddev=GROUP if config.get("miniBatchStdDev") else False,
    )
    every: Tensors = {}
    for kind, state in states.items():
        layers = zoo_discriminator(top) if kind == "discriminator" else zoo_generator(top)
        net = empty(spec, kind, top)
        named = folded(net, state, layers, spec.equalised_lr, scaled_bias=spec.equalised_lr)
        if kind == "discriminator" and spec.minibatch_stddev:
            # Its deviation is that of a sample, ours of the population; of groups of four.
            named["blocks.4.conv.weight"][:, -1] *= math.sqrt(GROUP / (GROUP - 1))
        every |= {f"{kind}.{name}": value for name, value in named.items()}
    return fitting(Started(path, spec, top, labels, every))


def labels_of(path: Path, config: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes, which are the values of the one attribute that there is."""
    attributes = config.get("attribKeysOrder") or {}
    if len(attributes) > 1:
        told = f"{len(attributes)} attributes ({', '.join(map(str, attributes))})"
        raise UsageError(f"{path}: conditioned on {told}, where ours has one class per image")
    return [str(value) for of in attributes.values() for value in of["values"]]


def zoo_generator(top: int) -> Layers:
    """Return the zoo's name of each layer of G."""
    found = {"blocks.4.seed": "formatLayer", "blocks.4.conv": "groupScale0.0"}
    for scale, r in enumerate(resolutions(top)):
        found[f"to_rgb.{r}"] = f"toRGBLayers.{scale}"
        if scale:
            found[f"blocks.{r}.up"] = f"scaleLayers.{scale - 1}.0"
            found[f"blocks.{r}.conv"] = f"scaleLayers.{scale - 1}.1"
    return found


def zoo_discriminator(top: int) -> Layers:
    """Return the zoo's name of each layer of D."""
    found = {
        "blocks.4.conv": "groupScaleZero.0",
        "blocks.4.dense": "groupScaleZero.1",
        "blocks.4.score": "decisionLayer",
    }
    for scale, r in enumerate(resolutions(top)):
        found[f"from_rgb.{r}"] = f"fromRGBLayers.{scale}"
        if scale:
            found[f"blocks.{r}.conv"] = f"scaleLayers.{scale - 1}.0"
            found[f"blocks.{r}.down"] = f"scaleLayers.{scale - 1}.1"
    return found


# akanimax/pro_gan_pytorch: one G per file (2.x), or all networks, each with its configuration (3.x)


def of_pro_gan(path: Path, found: Mapping[str, Any], network: Network) -> Started:
    """Return networks of pro_gan_pytorch's; errors are those of `read`."""
    old = "generator" not in found
    if old:
        states = {KINDS[network][0]: state_of_one(path, found, network)}
    else:
        states = states_of_all(path, found, network)
    first = next(iter(states.values()))
    rgb = [v for name, v in first.items() if re.fullmatch(r"rgb_converters\.\d+\.weight", name)]
    top = require_levels(path, len(rgb))
    spec = spec_of_widths(
        path,
        {r: value.shape[1] for r, value in zip(resolutions(top), rgb, strict=True)},
        latent_size=len(first["initial_block.conv_1.weight" if old else "layers.0.conv_1.weight"]),
        latent_norm="none" if old else "latent",
        first_layer="no-norm",
        tanh=False,
        # Version 2 has it, unless it was switched off, which the file does not say.
        equalised_lr=old or bool(found["generator"]["conf"]["use_eql"]),
        fused_downsampling=False,
        channels=len(rgb[0]),
        classes=0,
        minibatch_stddev=GROUP,
    )
    named: Tensors = {}
    for kind, state in states.items():
        layers = pro_gan_discriminator(top) if kind == "discriminator" else pro_gan(top, old)
        of = folded(empty(spec, kind, top), state, layers, spec.equalised_lr)
        named |= {f"{kind}.{name}": value for name, value in of.items()}
    return fitting(Started(path, spec, top, [], named))


def states_of_all(path: Path, found: Mapping[str, Any], network: Network) -> dict[str, State]:
    """Return the networks that are asked for of a file of version 3, DEPTH_N_EPOCH_N."""
    names = {"generator": "generator", "average": "shadow_generator"}
    states: dict[str, State] = {}
    for kind in KINDS[network]:
        if (name := names.get(kind, kind)) not in found:
            raise UsageError(f"{path}: it has no {name}; --network G takes its generator")
        states[kind] = state_of(path, found[name]["state_dict"])
    of_d = states.get("discriminator", {})
    if any(".label_embedder." in name for name in of_d):
        raise UsageError(
            f"{path}: its discriminator sees labels by projection, which ours does not"
        )
    if "from_rgb.0.weight" in of_d:  # before 3.1
        raise UsageError(f"{path}: its discriminator has no activation after fromRGB, as ours has")
    return states


def state_of_one(path: Path, found: Mapping[str, Any], network: Network) -> State:
    """Return the generator that is all of a file of version 2, GAN_GEN_N or GAN_GEN_SHADOW_N."""
    names = {str(name).removeprefix("module.") for name in found}
    if any(name.startswith("final_block.") for name in names):
        raise UsageError(f"{path}: a discriminator alone; GAN_GEN_SHADOW files have generators")
    if not any(name.startswith("initial_block.") for name in names):
        raise UsageError(
            f"{path}: a file of PyTorch's, but no checkpoint of pytorch_GAN_zoo or pro_gan_pytorch"
        )
    if "initial_block.conv_2.weight" not in names:
        raise UsageError(
            f"{path}: of pro_gan_pytorch before 2.0, where the scales of layers are not in the file"
        )
    if network == "all":
        raise UsageError(f"{path}: one generator; --network all needs a file with G, D and average")
    return state_of(path, found)


def pro_gan(top: int, old: bool) -> Layers:
    """Return pro_gan_pytorch's name of each layer of G."""
    found: Layers = {}
    for level, r in enumerate(resolutions(top)):
        block = f"layers.{level}"
        if old:
            block = f"layers.{level - 1}" if level else "initial_block"
        found[f"blocks.{r}.{'up' if level else 'seed'}"] = f"{block}.conv_1"
        found[f"blocks.{r}.conv"] = f"{block}.conv_2"
        found[f"to_rgb.{r}"] = f"rgb_converters.{level}"
    return found


def pro_gan_discriminator(top: int) -> Layers:
    """Return pro_gan_pytorch's name of each layer of D, whose first blocks are the largest."""
    found: Layers = {}
    for place, r in enumerate(reversed(resolutions(top))):
        found[f"from_rgb.{r}"] = f"from_rgb.{place}.0"
        found[f"blocks.{r}.conv"] = f"layers.{place}.conv_1"
        found[f"blocks.{r}.{'down' if r > 4 else 'dense'}"] = f"layers.{place}.conv_2"
        if r == 4:
            found["blocks.4.score"] = f"layers.{place}.conv_3"
    return found
