"""Networks of the paper's TensorFlow code: its pickles of (G, D, Gs).

Each network is a state of version, name, static arguments, the source of its building module, which
is never run, and a list of named arrays. Names are those of scopes, such as 8x8/Conv0_up/weight.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe.drawing import pickled
from pgpipe.errors import IntegrityError, PgpipeError, UsageError, said_by
from pgpipe.gan import started, weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import FORMAT, generator_of
from pgpipe.gan.started import Started
from pgpipe.gan.widths import feature_maps, resolutions
from pgpipe.plumbing.tensors import Tensors

MOST_BYTES = 2 << 30
NAMES = ("G", "D", "Gs")
SWITCHES = {  # static arguments of G_paper, with what they are without being named
    "normalize_latents": True,
    "use_wscale": True,
    "use_pixelnorm": True,
    "use_leakyrelu": True,
}

Network = Literal["G", "Gs", "all"]  # Gs: the average of G
Arrays = Mapping[str, NDArray[Any]]


def read(path: Path, network: Network) -> Started:
    """Return a network of a pickle, or G, D and Gs, at their full resolution.

    Raises:
        UsageError: it is no such file, or of networks that ours cannot be.
        IntegrityError: it is damaged, or asks for more than data.
    """
    data = content(path)
    with blaming(path, "pickle"):
        found = pickled.Reader(data).read()
        of = {"generator": "G", "average": "Gs"}
        asked = {kind: name for kind, name in of.items() if network in (name, "all")}
        nets = {k: converted(path, *state_of(path, found, n), len(data)) for k, n in asked.items()}
        (spec, top), *others = [(net.spec, net.resolution) for net in nets.values()]
        if any(other != (spec, top) for other in others):
            raise UsageError(f"{path}: its G and Gs are not of one form")
        named = {k: v for name, net in nets.items() for k, v in weights.named(net, name)}
        if network == "all":
            arrays, static = state_of(path, found, "D")
            spec = spec_of_both(path, spec, arrays, static)
            of_d = discriminator_of(arrays, top)
            require_numbers(of_d, len(data))
            named |= of_d
        return fitting(Started(path, spec, top, [], named))


def fitting(found: Started) -> Started:
    """Return networks whose weights have the shapes of their spec's.

    Raises:
        UsageError: some have not.
    """
    for name, shape in started.every_name(found.spec, found.resolution):
        theirs = found.named.get(name)
        if theirs is not None and theirs.shape != shape:
            told = f"{list(theirs.shape)}, where ours is {list(shape)}"
            raise UsageError(f"{found.file}: its {name} is {told}")
    return found


@contextmanager
def blaming(path: Path, kind: str) -> Iterator[None]:
    """Have what goes wrong while a file of networks is read be the user's error about it."""
    try:
        yield
    except PgpipeError:
        raise
    except pickled.Unsafe as error:
        raise IntegrityError(f"{path}: refused: it {error}") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes raise anything
        told = f"has no {said_by(error)}" if isinstance(error, KeyError) else said_by(error)
        raise IntegrityError(f"{path}: a damaged {kind} of networks: {told}") from None


def content(path: Path) -> bytes:
    """Return the bytes of a file that may be a pickle."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; name a pickle of G, D and Gs, or a checkpoint")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path}: larger than {MOST_BYTES >> 30} GiB, which no such pickle is")
    data = path.read_bytes()
    if data[:1] != b"\x80":
        raise UsageError(f"{path}: no pickle of the paper's TensorFlow code, nor of PyTorch's")
    return data


def state_of(path: Path, found: Any, network: str) -> tuple[Arrays, Mapping[str, Any]]:
    """Return the named arrays and the static arguments of one of the networks."""
    of = dict(zip(NAMES, found, strict=False)) if isinstance(found, tuple) else {}
    if len(of) != len(NAMES):
        raise UsageError(f"{path}: a pickle, but not of the three networks G, D and Gs")
    made = of[network]
    state = made.state if isinstance(made, pickled.Made) and made.of == "network" else None
    if not isinstance(state, dict) or not {"variables", "static_kwargs"} <= state.keys():
        raise UsageError(f"{path}: {network} is no network with named variables")
    arrays = {
        pickled.require(name, str): pickled.array(value) for name, value in state["variables"]
    }
    return arrays, pickled.require(state["static_kwargs"], dict)


def converted(path: Path, arrays: Arrays, static: Mapping[str, Any], most: int) -> Generator:
    """Return the generator of named arrays and static arguments."""
    if "4x4/Dense/weight" not in arrays:
        raise UsageError(f"{path}: no generator of the paper: it has no 4x4/Dense/weight")
    if static.get("pixelnorm_epsilon", 1e-8) != 1e-8:
        raise UsageError(f"{path}: pixelnorm_epsilon is not 1e-8")
    top = resolution_of(path, arrays)
    spec = spec_of(path, arrays, static, top)
    named = named_of(arrays, top)
    require_numbers(named, most)
    return generator_of(named, {"format": FORMAT, "resolution": top, "spec": spec.model_dump()})


def require_numbers(named: Mapping[str, Tensor], most: int) -> None:
    """Raise ValueError where weights are not finite, or more than a file of so many bytes holds."""
    if sum(tensor.nbytes for tensor in named.values()) > 2 * most:  # float16 takes twice as much
        raise ValueError("its arrays share their bytes")
    for name, tensor in named.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has numbers that are not finite")


def resolution_of(path: Path, arrays: Arrays) -> int:
    """Return the resolution that a network draws at: the full one, but of one that still grows."""
    levels = sum(1 for name in arrays if name.startswith("ToRGB_lod") and name.endswith("/weight"))
    lod = float(arrays["lod"]) if "lod" in arrays else 0.0
    if lod:
        raise UsageError(f"{path}: not fully grown: its level of detail is {lod:g}, not 0")
    return require_levels(path, levels)


def require_levels(path: Path, levels: int) -> int:
    """Return the resolution of networks of so many."""
    if not 1 <= levels <= 9:
        raise UsageError(f"{path}: has {levels} resolutions, where 1 to 9 are drawn")
    return 2 << levels


def spec_of(path: Path, arrays: Arrays, static: Mapping[str, Any], top: int) -> NetworkSpec:
    """Return the spec, whose widths are those of the arrays."""
    widths = {4: len(arrays["4x4/Conv/bias"])}
    widths |= {r: len(arrays[f"{r}x{r}/Conv1/bias"]) for r in resolutions(top)[1:]}
    classes = pickled.require(static.get("label_size", 0), int)
    switches = {name: bool(static.get(name, usual)) for name, usual in SWITCHES.items()}
    return spec_of_widths(
        path,
        widths,
        latent_size=len(arrays["4x4/Dense/weight"]) - classes,
        latent_norm="joined" if switches["normalize_latents"] else "none",
        generator_activation="lrelu" if switches["use_leakyrelu"] else "relu",
        generator_norm="pixel" if switches["use_pixelnorm"] else "none",
        tanh=False,
        equalised_lr=switches["use_wscale"],
        fused_downsampling=bool(static.get("fused_scale", True)),
        channels=len(arrays["ToRGB_lod0/bias"]),
        classes=classes,
        minibatch_stddev=4,
    )


def spec_of_widths(path: Path, widths: Mapping[int, int], **given: Any) -> NetworkSpec:
    """Return the spec of networks with so many feature maps at each resolution.

    Raises:
        UsageError: no spec has them.
    """
    usual = {"generator_activation": "lrelu", "generator_norm": "pixel"}
    spec = NetworkSpec(
        name="pggan",
        fmap_base=max(maps * r // 2 for r, maps in widths.items()),
        fmap_max=max(widths.values()),
        discriminator_divisor=1,
        discriminator_norm="none",
        minibatch_discrimination=0,
        **usual | given,
    )
    if any(feature_maps(spec, r) != maps for r, maps in widths.items()):
        told = ", ".join(f"{maps} at {r}" for r, maps in widths.items())
        raise UsageError(
            f"{path}: its feature maps ({told}) are not min(fmap_base / 2^s, fmap_max)"
        )
    return spec


def named_of(arrays: Arrays, top: int) -> Tensors:
    """Return the weights under our names, in our layouts."""
    dense = arrays["4x4/Dense/weight"]
    found = {
        "blocks.4.seed.weight": dense.reshape(len(dense), -1, 4, 4),
        "blocks.4.seed.bias": arrays["4x4/Dense/bias"],
        "blocks.4.conv.weight": plain(arrays["4x4/Conv/weight"]),
        "blocks.4.conv.bias": arrays["4x4/Conv/bias"],
    }
    for level, r in enumerate(reversed(resolutions(top))):
        found[f"to_rgb.{r}.weight"] = plain(arrays[f"ToRGB_lod{level}/weight"])
        found[f"to_rgb.{r}.bias"] = arrays[f"ToRGB_lod{level}/bias"]
    for r in resolutions(top)[1:]:
        fused = f"{r}x{r}/Conv0_up/weight" in arrays
        first = f"{r}x{r}/Conv0_up" if fused else f"{r}x{r}/Conv0"
        kernel = arrays[f"{first}/weight"]
        # Of a transposed convolution [k, k, out, in]; else a convolution of the enlarged image,
        # which as a transposed one has its kernel turned by half a turn.
        turned = kernel.transpose(3, 2, 0, 1) if fused else kernel[::-1, ::-1].transpose(2, 3, 0, 1)
        found[f"blocks.{r}.up.weight"] = turned
        found[f"blocks.{r}.up.bias"] = arrays[f"{first}/bias"]
        found[f"blocks.{r}.conv.weight"] = plain(arrays[f"{r}x{r}/Conv1/weight"])
        found[f"blocks.{r}.conv.bias"] = arrays[f"{r}x{r}/Conv1/bias"]
    return as_tensors(found)


def spec_of_both(
    path: Path, spec: NetworkSpec, arrays: Arrays, static: Mapping[str, Any]
) -> NetworkSpec:
    """Return the spec of a generator and the discriminator of named arrays."""
    if "4x4/Dense1/weight" not in arrays:
        raise UsageError(f"{path}: no discriminator of the paper: it has no 4x4/Dense1/weight")
    if bool(static.get("use_wscale", True)) != spec.equalised_lr:
        raise UsageError(f"{path}: use_wscale of its G and D differ")
    group = pickled.require(static.get("mbstd_group_size", 4), int)
    plain_halving = any(name.endswith("/Conv1/weight") for name in arrays)
    of_d = {
        "fused_downsampling": not plain_halving,
        "minibatch_stddev": group if group > 1 else False,
    }
    return NetworkSpec(**{**spec.model_dump(), **of_d})


def discriminator_of(arrays: Arrays, top: int) -> Tensors:
    """Return the weights of D_paper under our names, in our layouts."""
    layers = {"blocks.4.conv": "4x4/Conv"}
    for level, r in enumerate(reversed(resolutions(top))):
        layers[f"from_rgb.{r}"] = f"FromRGB_lod{level}"
    for r in resolutions(top)[1:]:
        last = f"{r}x{r}/Conv1_down" if f"{r}x{r}/Conv1_down/weight" in arrays else f"{r}x{r}/Conv1"
        layers |= {f"blocks.{r}.conv": f"{r}x{r}/Conv0", f"blocks.{r}.down": last}
    found = {f"{ours}.weight": plain(arrays[f"{own}/weight"]) for ours, own in layers.items()}
    dense = {"blocks.4.dense": "4x4/Dense0", "blocks.4.score": "4x4/Dense1"}  # [in, out]
    found |= {f"{ours}.weight": arrays[f"{own}/weight"].T for ours, own in dense.items()}
    found |= {f"{ours}.bias": arrays[f"{own}/bias"] for ours, own in (layers | dense).items()}
    return as_tensors({f"discriminator.{name}": value for name, value in found.items()})


def as_tensors(found: Arrays) -> Tensors:
    """Return arrays as float32 tensors of their own."""
    return {
        name: torch.from_numpy(np.array(value, dtype=np.float32, order="C"))
        for name, value in found.items()
    }


def plain(kernel: NDArray[Any]) -> NDArray[Any]:
    """[k, k, in, out] -> [out, in, k, k]."""
    return kernel.transpose(3, 2, 0, 1)
