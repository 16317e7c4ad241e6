"""Checkpoints of two PyTorch codes: what they draw here, and that nothing in them is run."""

import io
import os
import random
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from literal import ported as literal
from specs import network_spec
from tinyproject import Run
from torch import Tensor

from pgpipe.drawing.ported import read
from pgpipe.errors import IntegrityError, PgpipeError, UsageError
from pgpipe.gan import started, weights
from pgpipe.gan.sampling import read_generator

WIDTHS = [6, 6, 4]  # at 4, 8 and 16 pixels
LATENT = 5
CLASSES = ["cat", "dog"]
State = dict[str, Tensor]


def drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> State:
    """Weights and biases of layers, from the shapes of their weights."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for name, shape in shapes.items():
        maps = shape[1] if name.endswith("conv_1!") else shape[0]  # of a transposed one
        found[f"{name.removesuffix('!')}.weight"] = torch.randn(shape, generator=draw)
        found[f"{name.removesuffix('!')}.bias"] = torch.randn(maps, generator=draw)
    return found


def numbers(state: State) -> dict[str, Any]:
    return {name: value.double().numpy() for name, value in state.items()}


def saved(found: Any, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(found, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def network(found: started.Started, kind: str) -> torch.nn.Module:
    net = weights.network(found.spec, kind, found.resolution)
    weights.load(net, found.named, kind)
    return net


# The zoo


@pytest.fixture
def base_config(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The zoo's class of a configuration, in its module."""
    names = ["models", "models.utils", "models.utils.config"]
    modules: list[Any] = [ModuleType(name) for name in names]
    for name, module in zip(names, modules, strict=True):
        monkeypatch.setitem(sys.modules, name, module)
    modules[2].BaseConfig = type("BaseConfig", (), {"__module__": names[2]})
    return modules[2].BaseConfig


def zoo_g(seed: int, classes: int = 0) -> State:
    shapes: dict[str, tuple[int, ...]] = {"formatLayer": (16 * WIDTHS[0], LATENT + classes)}
    shapes["groupScale0.0"] = (WIDTHS[0], WIDTHS[0], 3, 3)
    for scale, maps in enumerate(WIDTHS):
        shapes[f"toRGBLayers.{scale}"] = (3, maps, 1, 1)
        if scale:
            shapes[f"scaleLayers.{scale - 1}.0"] = (maps, WIDTHS[scale - 1], 3, 3)
            shapes[f"scaleLayers.{scale - 1}.1"] = (maps, maps, 3, 3)
    return drawn(shapes, seed)


def zoo_d(seed: int, classes: int = 0, stddev: bool = True) -> State:
    maps = WIDTHS[0]
    shapes: dict[str, tuple[int, ...]] = {"groupScaleZero.0": (maps, maps + stddev, 3, 3)}
    shapes |= {"groupScaleZero.1": (maps, 16 * maps), "decisionLayer": (1 + classes, maps)}
    for scale, maps in enumerate(WIDTHS):
        shapes[f"fromRGBLayers.{scale}"] = (maps, 3, 1, 1)
        if scale:
            shapes[f"scaleLayers.{scale - 1}.0"] = (maps, maps, 3, 3)
            shapes[f"scaleLayers.{scale - 1}.1"] = (WIDTHS[scale - 1], maps, 3, 3)
    return drawn(shapes, seed)


def zoo(base_config: Any, classes: int = 0, wrapped: bool = False, **changes: Any) -> Any:
    """A checkpoint, whose names may have what ConstrainedLayer and DataParallel put in."""
    config = base_config()
    attributes = {"kind": {"order": 0, "values": CLASSES}} if classes else None
    config.__dict__ |= {
        "alpha": 0,
        "leakyReluLeak": 0.2,
        "perChannelNormalization": True,
        "lossCriterion": "WGANGP",
        "miniBatchStdDev": True,
        "equalizedlR": True,
        "attribKeysOrder": attributes,
        "depthOtherScales": WIDTHS[1:],
        **changes,
    }
    stddev = config.miniBatchStdDev
    states = {
        "netG": zoo_g(1, classes),
        "netD": zoo_d(2, classes, stddev),
        "avgG": zoo_g(3, classes),
    }
    if wrapped:
        for kind, state in states.items():
            parts = {name: name.rpartition(".") for name in state}
            states[kind] = {
                f"module.{a}.module.{b}": state[name] for name, (a, _, b) in parts.items()
            }
    return {"config": config, **states}


@pytest.mark.parametrize(
    ("changes", "legacy"),
    [
        ({}, True),
        ({"classes": 2, "wrapped": True}, False),
        ({"lossCriterion": "DCGAN", "equalizedlR": False, "miniBatchStdDev": False}, False),
    ],
    ids=["legacy", "labels", "tanh"],
)
@torch.no_grad()
def test_the_zoo_s_networks_draw_and_score_here_as_there(
    tmp_path: Path, base_config: Any, changes: dict[str, Any], legacy: bool
) -> None:
    classes, file = changes.get("classes", 0), tmp_path / "net_s2_i100.pt"
    file.write_bytes(saved(zoo(base_config, **changes), legacy))
    found = read(file, "all")
    assert (found.resolution, found.labels) == (16, CLASSES[:classes])
    tanh, equalised = "lossCriterion" in changes, "equalizedlR" not in changes
    z, labels = np.random.default_rng(4).normal(size=(2, LATENT)), np.array([1, 0])
    joined = np.concatenate([z, np.eye(classes)[labels]], axis=1) if classes else z
    for kind, seed in (("generator", 1), ("average", 3)):
        drawn_here = found.generator(kind)(
            torch.tensor(z, dtype=torch.float32), torch.tensor(labels) if classes else None
        )
        wanted = literal.zoo_generator(numbers(zoo_g(seed, classes)), joined, tanh, equalised)
        np.testing.assert_allclose(drawn_here.numpy(), wanted, atol=2e-4)
    stddev = changes.get("miniBatchStdDev", True)
    images = np.random.default_rng(5).normal(size=(8, 3, 16, 16))
    # Groups are of consecutive images there, of every other one here.
    order = [0, 4, 1, 5, 2, 6, 3, 7]
    scores, logits = network(found, "discriminator")(torch.tensor(images[order]).float())
    said = torch.cat([scores[:, None], logits], dim=1).numpy()
    theirs = numbers(zoo_d(2, classes, stddev))
    wanted = literal.zoo_discriminator(theirs, images, stddev, equalised)
    np.testing.assert_allclose(said, wanted[order], atol=1e-3 * abs(wanted).max())


def test_a_training_starts_from_the_zoo_s_networks(
    tmp_path: Path, base_config: Any, command: Run
) -> None:
    file, to = tmp_path / "x.pt", tmp_path / "networks.safetensors"
    file.write_bytes(saved(zoo(base_config, classes=2)))
    assert command("import", str(file), "--network", "all", "--to", str(to))[0] == 0
    found = started.read(to)
    ours = network_spec(
        latent_norm="joined", first_layer="pixel-bias", classes=2, minibatch_stddev=4
    )
    started.require_fit(found, ours, [4, 8, 16])
    drawn_first = dict(weights.initial(ours, 16, 0))
    first = started.first_weights(found, drawn_first, ours, 16, CLASSES)
    for name, value in found.named.items():
        assert first[name].equal(value), name
    with pytest.raises(UsageError, match=r"its model\.first_layer is pixel-bias, here it is plain"):
        started.require_fit(found, ours.model_copy(update={"first_layer": "plain"}), [4])


def test_what_the_zoo_has_and_ours_has_not_is_named(
    tmp_path: Path, base_config: Any, command: Run
) -> None:
    file, to = tmp_path / "x.pt", tmp_path / "x.safetensors"
    two = {name: {"order": n, "values": ["a", "b"]} for n, name in enumerate(("kind", "age"))}
    cases: dict[str, dict[str, Any]] = {
        "its alpha is 0.25; only 0 is drawn here": {"alpha": 0.25},
        "its leakyReluLeak is 0.1": {"leakyReluLeak": 0.1},
        "its perChannelNormalization is False": {"perChannelNormalization": False},
        "its lossCriterion is 'Own'": {"lossCriterion": "Own"},
        "conditioned on 2 attributes (kind, age)": {"attribKeysOrder": two},
    }
    for told, changes in cases.items():
        file.write_bytes(saved(zoo(base_config, **changes)))
        code, _, line = command("import", str(file), "--to", str(to))
        assert (code, line.count("\n")) == (UsageError.exit_code, 1), line
        assert told in line
    found = zoo(base_config)
    found["netG"] = found["avgG"] = {"main.0.weight": torch.zeros(1)}
    file.write_bytes(saved(found))
    assert "no progressive GAN" in command("import", str(file), "--to", str(to))[2]
    assert not to.exists()


# pro_gan_pytorch


def pro_gan_g(seed: int, old: bool) -> State:
    first = "initial_block" if old else "layers.0"
    shapes: dict[str, tuple[int, ...]] = {f"{first}.conv_1!": (LATENT, WIDTHS[0], 4, 4)}
    shapes[f"{first}.conv_2"] = (WIDTHS[0], WIDTHS[0], 3, 3)
    for level, maps in enumerate(WIDTHS):
        shapes[f"rgb_converters.{level}"] = (3, maps, 1, 1)
        if level:
            block = f"layers.{level - old}"
            shapes[f"{block}.conv_1"] = (maps, WIDTHS[level - 1], 3, 3)
            shapes[f"{block}.conv_2"] = (maps, maps, 3, 3)
    return drawn(shapes, seed)


def pro_gan_d(seed: int, activation: bool = True) -> State:
    last, shapes = len(WIDTHS) - 1, dict[str, tuple[int, ...]]()
    for place, maps in enumerate(reversed(WIDTHS)):
        shapes[f"from_rgb.{place}{'.0' if activation else ''}"] = (maps, 3, 1, 1)
        if place < last:
            shapes[f"layers.{place}.conv_1"] = (maps, maps, 3, 3)
            shapes[f"layers.{place}.conv_2"] = (WIDTHS[last - place - 1], maps, 3, 3)
    maps = WIDTHS[0]
    shapes |= {f"layers.{last}.conv_1": (maps, maps + 1, 3, 3)}
    shapes |= {
        f"layers.{last}.conv_2": (maps, maps, 4, 4),
        f"layers.{last}.conv_3": (1, maps, 1, 1),
    }
    return drawn(shapes, seed)


def of_all(use_eql: bool = True, activation: bool = True) -> dict[str, Any]:
    """A file of version 3."""
    states = {
        "generator": pro_gan_g(1, old=False),
        "discriminator": pro_gan_d(2, activation),
        "shadow_generator": pro_gan_g(3, old=False),
    }
    conf = {"depth": 4, "num_channels": 3, "latent_size": LATENT, "use_eql": use_eql}
    saving: dict[str, Any] = {k: {"conf": conf, "state_dict": s} for k, s in states.items()}
    moments = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))]).state_dict()
    return {**saving, "gen_optim": moments, "dis_optim": moments}


@pytest.mark.parametrize("use_eql", [True, False])
@torch.no_grad()
def test_pro_gan_pytorch_s_networks_draw_and_score_here_as_there(
    tmp_path: Path, use_eql: bool
) -> None:
    file = tmp_path / "depth_4_epoch_3.bin"
    file.write_bytes(saved(of_all(use_eql)))
    found, z = read(file, "all"), np.random.default_rng(4).normal(size=(2, LATENT))
    for kind, seed in (("generator", 1), ("average", 3)):
        drawn_here = found.generator(kind)(torch.tensor(z, dtype=torch.float32)).numpy()
        wanted = literal.pro_gan_generator(numbers(pro_gan_g(seed, False)), z, False, use_eql)
        np.testing.assert_allclose(drawn_here, wanted, atol=2e-4)
    if use_eql:
        images, order = (
            np.random.default_rng(5).normal(size=(8, 3, 16, 16)),
            [0, 4, 1, 5, 2, 6, 3, 7],
        )
        scores, _ = network(found, "discriminator")(torch.tensor(images[order]).float())
        wanted = literal.pro_gan_discriminator(numbers(pro_gan_d(2)), images)[order]
        np.testing.assert_allclose(scores.numpy(), wanted, atol=1e-3 * abs(wanted).max())


@pytest.mark.parametrize("legacy", [True, False])
@torch.no_grad()
def test_a_generator_of_version_2_draws_here_as_there_at_any_size_it_grew_through(
    tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch, legacy: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    state = pro_gan_g(1, old=True)
    wrapped = {f"module.{name}": value for name, value in state.items()}
    Path("GAN_GEN_SHADOW_1.pth").write_bytes(saved(wrapped, legacy))
    z = np.random.default_rng(4).normal(size=(2, LATENT))
    for asked, size in ([], 16), (["--resolution", "8"], 8):
        code, told, _ = command("import", "GAN_GEN_SHADOW_1.pth", *asked)
        wanted = f"generator.safetensors: Gs of GAN_GEN_SHADOW_1.pth, {size} x {size}\n"
        assert (code, told) == (0, wanted)
        generator, _ = read_generator(Path("generator.safetensors"))
        there = {
            n: v for n, v in state.items() if size == 16 or not n.startswith("rgb_converters.2")
        }
        expected = literal.pro_gan_generator(numbers(there), z, old=True)
        here = generator(torch.tensor(z, dtype=torch.float32)).numpy()
        np.testing.assert_allclose(here, expected, atol=2e-4)
    assert command("generate", "generator.safetensors", "--seeds", "1", "--to", "x")[0] == 0
    code, _, line = command("import", "GAN_GEN_SHADOW_1.pth", "--resolution", "32")
    assert (code, "4 x 4 to 16 x 16, not at 32" in line) == (2, True)


# What is refused


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_what_is_no_such_file_is_refused_in_one_line(
    tmp_path: Path, base_config: Any, command: Run
) -> None:
    canary, file, to = tmp_path / "canary", tmp_path / "x.pt", tmp_path / "out.safetensors"
    whole, g = saved(zoo(base_config)), pro_gan_g(1, old=True)
    first = {
        "initial_block.conv_1.deconv.weight": torch.zeros(2),
        "initial_block.x": torch.zeros(1),
    }
    odd = {**g, "rgb_converters.1.weight": torch.zeros(3, 5, 1, 1)}
    shared = {**g, "layers.0.conv_1.bias": torch.zeros(1).expand(10**12)}
    hollow = {**g, "initial_block.conv_1.bias": torch.full((6,), torch.nan)}
    alone, no_average = {**of_all(), "x": 1}, of_all()
    del no_average["shadow_generator"]
    embedded = of_all()
    embedded["discriminator"]["state_dict"]["layers.2.label_embedder.weight"] = torch.zeros(2)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    cases: list[tuple[bytes, type[PgpipeError], str, str]] = [
        (packed.getvalue(), IntegrityError, "unpacks to more", "G"),
        (whole[: len(whole) // 2], IntegrityError, "damaged", "G"),
        (saved([1, 2]), UsageError, "no checkpoint of networks", "G"),
        (saved({"a": torch.zeros(1)}), UsageError, "no checkpoint of pytorch_GAN_zoo", "G"),
        (saved(first), UsageError, "before 2.0", "G"),
        (saved({"final_block.conv_1.weight": torch.zeros(1)}), UsageError, "alone", "G"),
        (saved(odd), UsageError, "6 at 4, 5 at 8, 4 at 16", "G"),
        (saved(shared), IntegrityError, "share their bytes", "G"),
        (saved(hollow), IntegrityError, "not finite", "G"),
        (saved({k: v for k, v in g.items() if "1.conv_2" not in k}), IntegrityError, "has no", "G"),
        (saved(g), UsageError, "one generator", "all"),
        (saved(no_average), UsageError, "no shadow_generator", "Gs"),
        (saved(of_all(activation=False)), UsageError, "no activation after fromRGB", "all"),
        (saved(embedded), UsageError, "by projection", "all"),
        (saved({**g, "x": Payload(canary)}), IntegrityError, "asks for posix.mkdir", "G"),
        (saved({**alone, "y": Payload(canary)}, legacy=True), IntegrityError, "posix.mkdir", "G"),
        (saved(zoo(base_config, evil=Payload(canary))), IntegrityError, "posix.mkdir", "Gs"),
    ]
    for data, error, told, network_ in cases:
        file.write_bytes(data)
        code, _, line = command("import", str(file), "--network", network_, "--to", str(to))
        assert (code, line.count("\n")) == (error.exit_code, 1), line
        assert told in line
    assert not canary.exists()
    assert not to.exists()


def test_mutated_bytes_end_in_an_error_or_a_generator(tmp_path: Path, base_config: Any) -> None:
    canary, file, draw = tmp_path / "canary", tmp_path / "x.pt", random.Random(5)
    sources = [
        saved(pro_gan_g(1, old=True), legacy=True),
        saved(pro_gan_g(1, old=True)),
        saved(zoo(base_config, evil=Payload(canary)), legacy=True),
    ]
    for n in range(150):
        data = bytearray(sources[n % 3])
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(len(data) if draw.random() < 0.3 else 2000)] = draw.randrange(256)
        file.write_bytes(data)
        with suppress(PgpipeError):
            read(file, "G")
    assert not canary.exists()
