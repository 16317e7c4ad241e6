"""The training step beside other public implementations', in one process and in turns.

python reports/benchmarks/beside_others.py --gan-zoo FOLDER --pro-gan-pytorch FOLDER
    --genforce FOLDER --mmgeneration FOLDER

Each folder, none of which need be given, is a checkout of facebookresearch/pytorch_GAN_zoo, of
akanimax/pro_gan_pytorch, of genforce/genforce, or of open-mmlab/mmgeneration (with mmcv-lite and
mmengine installed), whose code is no part of this repository. Of the GAN zoo it is its own step,
`ProgressiveGAN.optimizeParameters`; of the others it is the networks, the last two with fused
convolutions, in a step that is as plain as it can be. All do a D step on 16 reals, 16 fakes and the
penalty at 16 mixed images, a G step on 16 new fakes, Adam, and the average of G, without labels and
in the stable part of a phase.
"""

import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partialmethod
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, cast

import torch
import typer
from torch import nn

from benchmarks.settings import document_of, phases, setting_of
from benchmarks.steps import step_of, training
from benchmarks.timing import Work, in_turns
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.widths import feature_maps
from pgpipe.plumbing.terminal import table_lines
from pgpipe.presets.overlay import merge

MINIBATCH = 16
RATE, BETAS, LAMBDA, DRIFT, DECAY = 1e-3, (0.0, 0.99), 10.0, 1e-3, 0.999
PAPER = {
    "dataset": {"name": "folder", "resolution": 1024},
    "growth": {"final": "r1024", "phases": phases(128, 256, 512, 1024)},
    "model": {"fmap_base": 8192, "fmap_max": 512, "latent_size": 512},
    "train": {"full_resolution": 1024},
}


@contextmanager
def checkout(folder: Path) -> Iterator[None]:
    """Import from a checkout; both have a package `models`."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "models"]:
            del sys.modules[name]


def gan_zoo(folder: Path, spec: NetworkSpec, resolution: int) -> Work:
    """Its own step."""
    with checkout(folder):
        module = import_module("models.progressive_gan")
    vars(module)["optim"] = SimpleNamespace(Adam=with_float_betas)  # torch >= 2.6 wants them so
    model = module.ProgressiveGAN(
        dimLatentVector=spec.latent_size,
        depthScale0=feature_maps(spec, 4),
        miniBatchStdDev=True,
        useGPU=torch.get_default_device().type == "cuda",
        baseLearningRate=RATE,
        lambdaGP=LAMBDA,
        epsilonD=DRIFT,
    )
    for level in range(3, resolution.bit_length()):
        model.addScale(feature_maps(spec, 1 << level))
    reals = torch.rand(MINIBATCH, 3, resolution, resolution) * 2 - 1
    return Work(lambda: model.optimizeParameters(reals))


def with_float_betas(parameters: Any, lr: float, betas: list[float]) -> torch.optim.Adam:
    """The GAN zoo's optimiser."""
    return torch.optim.Adam(parameters, lr, (float(betas[0]), float(betas[1])))


def pro_gan_pytorch(folder: Path, spec: NetworkSpec, resolution: int) -> Work:
    """A plain step around its networks, which also run what is faded out."""
    vars(builtins)["Tuple"] = tuple  # they forget to import it
    networks = inside(folder, "pro_gan_pytorch.networks")
    layer = inside(folder, "pro_gan_pytorch.custom_layers").EqualizedConvTranspose2d
    # Of torch's own, which has had a parameter more since.
    layer._output_padding = partialmethod(layer._output_padding, num_spatial_dims=2)
    vars(networks)["nf"] = lambda stage: feature_maps(spec, 2 << stage)
    depth = resolution.bit_length() - 1
    generator = networks.Generator(depth, 3, spec.latent_size)
    discriminator = networks.Discriminator(depth, 3, spec.latent_size)

    def scores(images: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", discriminator(images, depth, 1.0))

    return plain(generator, discriminator, generator, spec, resolution, scores)


def genforce(folder: Path, spec: NetworkSpec, resolution: int) -> Work:
    """A plain step around its networks, which count feature maps as the official code, twice ours.

    Its smallest resolution is 8.
    """
    with checkout(folder):
        models = import_module("models")
    sizes = {"fmaps_base": 2 * spec.fmap_base, "fmaps_max": spec.fmap_max, "fused_scale": True}
    generator = models.PGGANGenerator(resolution, z_space_dim=spec.latent_size, **sizes)
    discriminator = models.PGGANDiscriminator(
        resolution, minibatch_std_group_size=MINIBATCH, **sizes
    )
    return plain(generator, discriminator, lambda z: generator(z)["image"], spec, resolution)


def mmgeneration(folder: Path, spec: NetworkSpec, resolution: int) -> Work:
    """A plain step around its networks, by the names that mmcv and mmengine have since."""
    bricks, registry = import_module("mmcv.cnn.bricks"), import_module("mmengine.registry")
    vars(bricks).update(NORM_LAYERS=registry.MODELS, PLUGIN_LAYERS=registry.MODELS)
    normal_init = import_module("mmengine.model").normal_init
    vars(import_module("mmcv.cnn.utils"))["normal_init"] = normal_init
    if "mmgen" not in sys.modules:
        vars(package("mmgen.models.builder"))["MODULES"] = registry.Registry("mmgen")
        vars(package("mmgen.models.common"))["AllGatherLayer"] = None
    models = inside(folder, "mmgen.models.architectures.pggan")
    sizes = {"base_channels": 2 * spec.fmap_base, "max_channels": spec.fmap_max}
    generator = models.PGGANGenerator(spec.latent_size, resolution, **sizes)
    discriminator = models.PGGANDiscriminator(
        resolution, mbstd_cfg={"group_size": MINIBATCH}, **sizes
    )
    return plain(generator, discriminator, generator, spec, resolution)


def inside(folder: Path, name: str) -> ModuleType:
    """A module of a checkout, without its packages' own imports, which are of far more."""
    parts = name.split(".")[:-1]
    for outer in (".".join(parts[: n + 1]) for n in range(len(parts))):
        if outer not in sys.modules:
            package(outer).__path__ = [str(folder / outer.replace(".", "/"))]
    return import_module(name)


def package(name: str) -> ModuleType:
    """An empty module of that name, to be imported from."""
    sys.modules[name] = ModuleType(name)
    return sys.modules[name]


def plain(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Callable[[torch.Tensor], torch.Tensor],
    spec: NetworkSpec,
    resolution: int,
    scores: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Work:
    """A plain step around two networks, with D's scores where they are more than a call."""
    score = scores or discriminator
    average = deepcopy(generator).requires_grad_(False)
    adam_g = torch.optim.Adam(generator.parameters(), RATE, BETAS)
    adam_d = torch.optim.Adam(discriminator.parameters(), RATE, BETAS)
    reals = torch.rand(MINIBATCH, 3, resolution, resolution) * 2 - 1

    def fakes() -> torch.Tensor:
        return images(torch.randn(MINIBATCH, spec.latent_size, device=reals.device))

    def step() -> None:
        with torch.no_grad():
            fake = fakes()
        adam_d.zero_grad()
        real_score, fake_score = score(reals), score(fake)
        factors = torch.rand(MINIBATCH, 1, 1, 1, device=reals.device)
        mixed = torch.lerp(reals, fake, factors).requires_grad_()
        (slope,) = torch.autograd.grad(score(mixed).sum(), mixed, create_graph=True)
        penalty = (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()
        drift = real_score.square().mean()
        (fake_score.mean() - real_score.mean() + LAMBDA * penalty + DRIFT * drift).backward()
        adam_d.step()
        adam_g.zero_grad()
        discriminator.requires_grad_(False)
        (-score(fakes()).mean()).backward()
        discriminator.requires_grad_(True)
        adam_g.step()
        current: list[torch.Tensor] = list(generator.parameters())
        torch._foreach_lerp_(list(average.parameters()), current, 1 - DECAY)

    return Work(step)


OTHERS = {
    "GAN zoo": gan_zoo,
    "pro_gan_pytorch": pro_gan_pytorch,
    "genforce": genforce,
    "mmgeneration": mmgeneration,
}
SMALLEST = {"genforce": 8, "mmgeneration": 8}  # pixels; at 4, D of mmgeneration has no convolution


def main(
    gan_zoo_folder: Annotated[Path | None, typer.Option("--gan-zoo")] = None,
    pro_gan_pytorch_folder: Annotated[Path | None, typer.Option("--pro-gan-pytorch")] = None,
    genforce_folder: Annotated[Path | None, typer.Option("--genforce")] = None,
    mmgeneration_folder: Annotated[Path | None, typer.Option("--mmgeneration")] = None,
    paper: Annotated[bool, typer.Option(help="The paper's feature maps instead of 64.")] = False,
    smallest: Annotated[int, typer.Option(help="Pixels.")] = 4,
    largest: Annotated[int, typer.Option(help="Pixels.")] = 64,
    threads: int = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        list[str] | None, typer.Option(help="Ours: fp32 (as the others), bf16, or both.")
    ] = None,
    repeats: int = 9,
    seconds: Annotated[float, typer.Option(help="Of each, in a turn.")] = 1.0,
) -> None:
    """Print images/s of all at each resolution, and how many times those of the others ours are."""
    folders = (gan_zoo_folder, pro_gan_pytorch_folder, genforce_folder, mmgeneration_folder)
    others = {name: folder for name, folder in zip(OTHERS, folders, strict=True) if folder}
    document = document_of([], small=True)
    merge(document, {"train": {"threads": threads, "device": device}})
    merge(document, PAPER if paper else {})
    ours = {}
    for name in precision or ["fp32"]:
        merge(document, {"train": {"precision": name}})
        ours[f"ours, {name}"] = setting_of(document, "small")
    ratios = [(name, other) for name in ours for other in others]
    head = (
        "pixels",
        *(f"layout, {name}" for name in ours),
        *ours,
        *others,
        *(f"{name} / {other}" for name, other in ratios),
    )
    rows: list[tuple[str, ...]] = []
    for resolution in (1 << level for level in range(2, largest.bit_length())):
        if resolution < smallest:
            continue
        with TemporaryDirectory() as folder:
            works = {}
            for name, setting in ours.items():
                (place := Path(folder) / name).mkdir()
                works[name] = step_of(training(setting, f"r{resolution}", "stable", place))
            for name, checkout_of in others.items():
                if resolution >= SMALLEST.get(name, 4):
                    with torch.device(device):
                        works[name] = OTHERS[name](checkout_of, setting.spec, resolution)
            times = in_turns(works, repeats, seconds)
        last = (s.machine.settled(s.section).channels_last for s in ours.values())
        layouts = ["channels last" if is_last else "channels first" for is_last in last]
        all_of = [*ours, *others]
        rates = [f"{MINIBATCH / times[name]:.1f}" if name in times else "-" for name in all_of]
        times_faster = [
            f"{times[other] / times[name]:.2f}" if other in times else "-" for name, other in ratios
        ]
        rows.append((str(resolution), *layouts, *rates, *times_faster))
        typer.echo("  ".join(rows[-1]))
    typer.echo("\n" + "\n".join(table_lines(rows, head, range(1, len(head)))))


if __name__ == "__main__":
    typer.run(main)
