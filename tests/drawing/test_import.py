"""Files of the paper's TensorFlow code: what they draw here, and that nothing in them is run."""

import os
import pickle
import random
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from literal.layers import Array, blown_up, box, conv, lrelu, pixel_norm, with_stddev
from tinyproject import Run

from pgpipe.drawing.official import read
from pgpipe.errors import IntegrityError, PgpipeError, UsageError
from pgpipe.gan import started, weights
from pgpipe.gan.sampling import read_generator

WIDTHS = {4: 6, 8: 6, 16: 4}
LATENT, CLASSES, CHANNELS = 5, 3, 3
Arrays = dict[str, Any]


@pytest.fixture
def tfutil(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the official code, with a class that is pickled by its state."""
    module: Any = ModuleType("tfutil")

    class Network:
        def __init__(self, state: dict[str, Any]) -> None:
            self.state = state

        def __getstate__(self) -> dict[str, Any]:
            return self.state

    Network.__module__, Network.__qualname__ = "tfutil", "Network"
    module.Network = Network
    monkeypatch.setitem(sys.modules, "tfutil", module)
    return module


def variables(seed: int, fused: bool = True, widths: dict[int, int] = WIDTHS) -> Arrays:
    """Those of G_paper, by its scopes."""
    draw = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    maps, top = LATENT + CLASSES, max(widths)
    for r, K in widths.items():
        scope = f"{r}x{r}"
        if r == 4:
            shapes |= {f"{scope}/Dense/weight": (maps, K * 16), f"{scope}/Dense/bias": (K,)}
        else:
            first = f"{scope}/Conv0_up" if fused else f"{scope}/Conv0"
            kernel = (3, 3, K, maps) if fused else (3, 3, maps, K)
            shapes |= {f"{first}/weight": kernel, f"{first}/bias": (K,)}
        last = f"{scope}/Conv" if r == 4 else f"{scope}/Conv1"
        shapes |= {f"{last}/weight": (3, 3, K, K), f"{last}/bias": (K,)}
        rgb = f"ToRGB_lod{(top // r).bit_length() - 1}"
        shapes |= {f"{rgb}/weight": (1, 1, K, CHANNELS), f"{rgb}/bias": (CHANNELS,)}
        maps = K
    drawn = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {"lod": np.float32(0), **drawn}


def variables_of_d(seed: int, fused: bool = True, widths: dict[int, int] = WIDTHS) -> Arrays:
    """Those of D_paper, by its scopes."""
    shapes: dict[str, tuple[int, ...]] = {}
    top, hidden = max(widths), max(widths.values())
    for r, K in widths.items():
        scope, below = f"{r}x{r}", widths.get(r // 2, hidden)
        if r == 4:
            shapes |= {f"{scope}/Conv/weight": (3, 3, K + 1, K), f"{scope}/Conv/bias": (K,)}
            shapes |= {f"{scope}/Dense0/weight": (16 * K, below), f"{scope}/Dense0/bias": (below,)}
            outputs = 1 + CLASSES
            shapes |= {
                f"{scope}/Dense1/weight": (below, outputs),
                f"{scope}/Dense1/bias": (outputs,),
            }
        else:
            last = f"{scope}/Conv1_down" if fused else f"{scope}/Conv1"
            shapes |= {f"{scope}/Conv0/weight": (3, 3, K, K), f"{scope}/Conv0/bias": (K,)}
            shapes |= {f"{last}/weight": (3, 3, K, below), f"{last}/bias": (below,)}
        rgb = f"FromRGB_lod{(top // r).bit_length() - 1}"
        shapes |= {f"{rgb}/weight": (1, 1, CHANNELS, K), f"{rgb}/bias": (K,)}
    draw = np.random.default_rng(seed)
    drawn = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {"lod": np.float32(0), **drawn}


def dump(
    tfutil: Any,
    arrays: Arrays,
    other: Arrays,
    protocol: int = 4,
    of_d: Arrays | None = None,
    **static: Any,
) -> bytes:
    """A pickle of G, D and Gs, of which Gs has the arrays."""

    def network(name: str, named: Arrays) -> Any:
        return tfutil.Network(
            {
                "version": 2,
                "name": name,
                "static_kwargs": {"label_size": CLASSES, "num_channels": CHANNELS, **static},
                "build_module_src": "raise SystemExit('this is never run')",
                "build_func_name": "G_paper",
                "variables": list(named.items()),
            }
        )

    nets = (
        network("G", other),
        network("D", of_d or {"lod": np.float32(0)}),
        network("Gs", arrays),
    )
    return pickle.dumps(nets, protocol)


def enlarged_conv(x: Array, w: Array) -> Array:
    """The fused layer: each pixel adds a 4x4 stamp, four shifted kernels; w [3, 3, out, in]."""
    N, C, H, _ = x.shape
    stamp = np.zeros((4, 4, *w.shape[2:]))
    for i, j in np.ndindex(2, 2):
        stamp[i : i + 3, j : j + 3] += w
    out = np.zeros((N, w.shape[2], 2 * H + 2, 2 * H + 2))
    for n, c, i, j in np.ndindex(N, C, H, H):
        part = x[n, c, i, j] * stamp[:, :, :, c].transpose(2, 0, 1)
        out[n, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += part
    return out[:, :, 1:-1, 1:-1]


def literal(arrays: Arrays, z: Array, labels: Array, fused: bool) -> Array:
    """What the official network draws, layer by layer."""
    named = {name: np.asarray(value, np.float64) for name, value in arrays.items()}

    def active(x: Array, scope: str) -> Array:
        return pixel_norm(lrelu(x + named[f"{scope}/bias"][:, None, None]))

    def layer(x: Array, scope: str, gain: float = 2**0.5) -> Array:
        w = named[f"{scope}/weight"]
        w = w * gain / np.sqrt(np.prod(w.shape[:-1]))
        return conv(x, w.transpose(3, 2, 0, 1))

    x = pixel_norm(np.concatenate([z, labels], axis=1))
    x = x @ (named["4x4/Dense/weight"] * (2**0.5 / 4) / np.sqrt(x.shape[1]))
    x = active(x.reshape(len(x), -1, 4, 4), "4x4/Dense")
    x = active(layer(x, "4x4/Conv"), "4x4/Conv")
    for r in (8, 16):
        if fused:
            scope = f"{r}x{r}/Conv0_up"
            w = named[f"{scope}/weight"]
            x = active(enlarged_conv(x, w * 2**0.5 / np.sqrt(9 * x.shape[1])), scope)
        else:
            scope = f"{r}x{r}/Conv0"
            x = active(layer(blown_up(x), scope), scope)
        x = active(layer(x, f"{r}x{r}/Conv1"), f"{r}x{r}/Conv1")
    return layer(x, "ToRGB_lod0", 1) + named["ToRGB_lod0/bias"][:, None, None]


def halved_conv(x: Array, w: Array) -> Array:
    """The fused layer: the mean of four shifted kernels at every other pixel; w [3, 3, in, out]."""
    N, _, H, _ = x.shape
    kernel = np.zeros((4, 4, *w.shape[2:]))
    for i, j in np.ndindex(2, 2):
        kernel[i : i + 3, j : j + 3] += w / 4
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((N, w.shape[3], H // 2, H // 2))
    for i, j in np.ndindex(H // 2, H // 2):
        part = padded[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4]
        out[:, :, i, j] = np.einsum("ncij,ijck->nk", part, kernel)
    return out


def literal_d(arrays: Arrays, images: Array, fused: bool, group: int) -> Array:
    """What the official discriminator says of images: scores and logits [N, 1 + classes]."""
    named = {name: np.asarray(value, np.float64) for name, value in arrays.items()}

    def weight(scope: str, gain: float = 2**0.5) -> Array:
        w = named[f"{scope}/weight"]
        return np.asarray(w * gain / np.sqrt(np.prod(w.shape[:-1])))

    def layer(x: Array, scope: str) -> Array:
        return biased(conv(x, weight(scope).transpose(3, 2, 0, 1)), scope)

    def biased(x: Array, scope: str) -> Array:
        return lrelu(x + named[f"{scope}/bias"][:, None, None])

    x = layer(images, "FromRGB_lod0")
    for r in (16, 8):
        x = layer(x, f"{r}x{r}/Conv0")
        if fused:
            x = biased(halved_conv(x, weight(f"{r}x{r}/Conv1_down")), f"{r}x{r}/Conv1_down")
        else:
            x = box(layer(x, f"{r}x{r}/Conv1"))
    x = layer(with_stddev(x, len(x) // min(group, len(x))), "4x4/Conv")
    x = lrelu(x.reshape(len(x), -1) @ weight("4x4/Dense0") + named["4x4/Dense0/bias"])
    return np.asarray(x @ weight("4x4/Dense1", 1) + named["4x4/Dense1/bias"])


@pytest.mark.parametrize(("fused", "group"), [(True, 4), (False, 2)])
@torch.no_grad()
def test_its_discriminator_scores_as_the_official_one(
    tmp_path: Path, tfutil: Any, command: Run, fused: bool, group: int
) -> None:
    file, to = tmp_path / "official.pkl", tmp_path / "networks.safetensors"
    averaged, current, of_d = variables(1, fused), variables(2, fused), variables_of_d(3, fused)
    file.write_bytes(
        dump(tfutil, averaged, current, of_d=of_d, fused_scale=fused, mbstd_group_size=group)
    )
    code, told, _ = command("import", str(file), "--network", "all", "--to", str(to))
    assert (code, told) == (0, f"{to}: G, D and Gs of {file}, 16 x 16\n")
    found = started.read(to)
    net = weights.network(found.spec, "discriminator", 16)
    weights.load(net, found.named, "discriminator")
    images = np.random.default_rng(4).normal(size=(4, CHANNELS, 16, 16))
    scores, logits = net(torch.tensor(images, dtype=torch.float32))
    said = torch.cat([scores[:, None], logits], dim=1).numpy()
    np.testing.assert_allclose(said, literal_d(of_d, images, fused, group), atol=2e-4)
    for name, network in ("generator", "G"), ("average", "Gs"):
        alone = read(file, network)  # type: ignore[arg-type]
        assert {key.partition(".")[0] for key in alone.named} == {name}
        assert all(found.named[key].equal(value) for key, value in alone.named.items())


def test_a_discriminator_of_another_form_is_refused(
    tmp_path: Path, tfutil: Any, command: Run
) -> None:
    file, named = tmp_path / "x.pkl", variables(1)
    narrow = variables_of_d(3, widths={4: 6, 8: 5, 16: 4})
    for of_d, told in ((None, "no discriminator"), (narrow, "discriminator.blocks.8.conv.weight")):
        file.write_bytes(dump(tfutil, named, named, of_d=of_d))
        to = str(tmp_path / "out.safetensors")
        code, _, line = command("import", str(file), "--network", "all", "--to", to)
        assert (code, line.count("\n")) == (UsageError.exit_code, 1), line
        assert told in line
        assert not Path(to).exists()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_it_draws_what_the_official_network_draws(
    tmp_path: Path, tfutil: Any, fused: bool, protocol: int
) -> None:
    averaged, current = variables(1, fused), variables(2, fused)
    file = tmp_path / "official.pkl"
    file.write_bytes(dump(tfutil, averaged, current, protocol, fused_scale=fused))
    z = np.random.default_rng(3).normal(size=(2, LATENT))
    labels = np.array([2, 0])
    for network, arrays in (("Gs", averaged), ("G", current)):
        found = read(file, network)  # type: ignore[arg-type]
        generator = found.generator(found.networks[0])
        drawn = generator(torch.tensor(z, dtype=torch.float32), torch.tensor(labels)).numpy()
        wanted = literal(arrays, z, np.eye(CLASSES)[labels], fused)
        np.testing.assert_allclose(drawn, wanted, atol=2e-4)


def test_an_imported_generator_draws_by_command(
    tmp_path: Path, tfutil: Any, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("official.pkl").write_bytes(dump(tfutil, variables(1), variables(2)))
    code, told, _ = command("import", "official.pkl", "--to", "generator.safetensors")
    assert (code, told) == (0, "generator.safetensors: Gs of official.pkl, 16 x 16\n")
    generator, facts = read_generator(Path("generator.safetensors"))
    spec = generator.spec
    assert (spec.fmap_base, spec.fmap_max, spec.latent_size, spec.classes) == (32, 6, 5, 3)
    assert (facts["row"], facts["precision"]) == ({"kimg": 0.0}, "fp32")
    assert command("generate", "generator.safetensors", "--seeds", "1", "--to", "x")[0] == 0
    assert Path("x/seed0001.png").is_file()


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_what_is_no_such_file_is_refused_in_one_line(
    tmp_path: Path, tfutil: Any, command: Run
) -> None:
    canary, file = tmp_path / "canary", tmp_path / "x.pkl"
    whole, named = dump(tfutil, variables(1), variables(2)), variables(1)
    odd = variables(1, widths={4: 6, 8: 5, 16: 5})
    hollow = {**named, "ToRGB_lod0/bias": np.full(3, np.nan, np.float32)}
    cases: list[tuple[bytes, type[PgpipeError], str]] = [
        (b"PK\3\4", IntegrityError, "damaged checkpoint"),
        (b"text", UsageError, "no pickle"),
        (pickle.dumps([1, 2]), UsageError, "not of the three networks"),
        (dump(tfutil, {**named, "lod": np.float32(1.5)}, named), UsageError, "detail is 1.5"),
        (dump(tfutil, odd, named), UsageError, "6 at 4, 5 at 8, 5 at 16"),
        (dump(tfutil, hollow, named), IntegrityError, "not finite"),
        (whole[: len(whole) // 2], IntegrityError, "damaged"),
        (pickle.dumps((Payload(canary), 1, 2)), IntegrityError, ".mkdir"),
        (dump(tfutil, {**named, "lod": Payload(canary)}, named), IntegrityError, ".mkdir"),
    ]
    for data, error, told in cases:
        file.write_bytes(data)
        code, _, said = command("import", str(file), "--to", str(tmp_path / "out.safetensors"))
        assert (code, said.count("\n")) == (error.exit_code, 1), said
        assert told in said
    assert command("import", str(tmp_path / "none.pkl"))[0] == UsageError.exit_code
    assert not canary.exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_mutated_bytes_end_in_an_error_or_a_generator(tmp_path: Path, tfutil: Any) -> None:
    canary, file, draw = tmp_path / "canary", tmp_path / "x.pkl", random.Random(5)
    tiny = variables(1, widths={4: 2})
    sources = [
        dump(tfutil, tiny, tiny),
        dump(tfutil, tiny, tiny, 2),
        dump(tfutil, {**tiny, "lod": Payload(canary)}, tiny),
    ]
    for n in range(300):
        data = bytearray(sources[n % 3])
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(1, len(data))] = draw.randrange(256)
        file.write_bytes(data)
        with suppress(PgpipeError):
            read(file, "Gs")
    assert not canary.exists()
