"""The networks layer by layer: the paper's table 2, typed from the paper, and every system."""

import re

import pytest
from merging import params_of
from specs import CODER, DCGAN, MLP, ROW_A, network_spec
from tinynets import PAPER

from pgpipe.gan import layerwise, weights
from pgpipe.gan.layerwise import Row
from pgpipe.gan.systems import SYSTEMS
from stages.check import plan_of

GENERATOR = """\
Latent vector - 512 x 1 x 1 -
Conv 4 x 4 LReLU 512 x 4 x 4 4.2M
Conv 3 x 3 LReLU 512 x 4 x 4 2.4M
Upsample - 512 x 8 x 8 -
Conv 3 x 3 LReLU 512 x 8 x 8 2.4M
Conv 3 x 3 LReLU 512 x 8 x 8 2.4M
Upsample - 512 x 16 x 16 -
Conv 3 x 3 LReLU 512 x 16 x 16 2.4M
Conv 3 x 3 LReLU 512 x 16 x 16 2.4M
Upsample - 512 x 32 x 32 -
Conv 3 x 3 LReLU 512 x 32 x 32 2.4M
Conv 3 x 3 LReLU 512 x 32 x 32 2.4M
Upsample - 512 x 64 x 64 -
Conv 3 x 3 LReLU 256 x 64 x 64 1.2M
Conv 3 x 3 LReLU 256 x 64 x 64 590k
Upsample - 256 x 128 x 128 -
Conv 3 x 3 LReLU 128 x 128 x 128 295k
Conv 3 x 3 LReLU 128 x 128 x 128 148k
Upsample - 128 x 256 x 256 -
Conv 3 x 3 LReLU 64 x 256 x 256 74k
Conv 3 x 3 LReLU 64 x 256 x 256 37k
Upsample - 64 x 512 x 512 -
Conv 3 x 3 LReLU 32 x 512 x 512 18k
Conv 3 x 3 LReLU 32 x 512 x 512 9.2k
Upsample - 32 x 1024 x 1024 -
Conv 3 x 3 LReLU 16 x 1024 x 1024 4.6k
Conv 3 x 3 LReLU 16 x 1024 x 1024 2.3k
Conv 1 x 1 linear 3 x 1024 x 1024 51
"""
DISCRIMINATOR = """\
Input image - 3 x 1024 x 1024 -
Conv 1 x 1 LReLU 16 x 1024 x 1024 64
Conv 3 x 3 LReLU 16 x 1024 x 1024 2.3k
Conv 3 x 3 LReLU 32 x 1024 x 1024 4.6k
Downsample - 32 x 512 x 512 -
Conv 3 x 3 LReLU 32 x 512 x 512 9.2k
Conv 3 x 3 LReLU 64 x 512 x 512 18k
Downsample - 64 x 256 x 256 -
Conv 3 x 3 LReLU 64 x 256 x 256 37k
Conv 3 x 3 LReLU 128 x 256 x 256 74k
Downsample - 128 x 128 x 128 -
Conv 3 x 3 LReLU 128 x 128 x 128 148k
Conv 3 x 3 LReLU 256 x 128 x 128 295k
Downsample - 256 x 64 x 64 -
Conv 3 x 3 LReLU 256 x 64 x 64 590k
Conv 3 x 3 LReLU 512 x 64 x 64 1.2M
Downsample - 512 x 32 x 32 -
Conv 3 x 3 LReLU 512 x 32 x 32 2.4M
Conv 3 x 3 LReLU 512 x 32 x 32 2.4M
Downsample - 512 x 16 x 16 -
Conv 3 x 3 LReLU 512 x 16 x 16 2.4M
Conv 3 x 3 LReLU 512 x 16 x 16 2.4M
Downsample - 512 x 8 x 8 -
Conv 3 x 3 LReLU 512 x 8 x 8 2.4M
Conv 3 x 3 LReLU 512 x 8 x 8 2.4M
Downsample - 512 x 4 x 4 -
Minibatch stddev - 513 x 4 x 4 -
Conv 3 x 3 LReLU 512 x 4 x 4 2.4M
Conv 4 x 4 LReLU 512 x 1 x 1 4.2M
Fully-connected linear 1 x 1 x 1 513
"""


def as_the_paper_writes(number: int) -> str:
    """As 4.2M, 590k, 18k, 9.2k, 51."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.{int(number < 10 * size)}f}{unit}"
    return str(number or "-")


def printed(rows: list[Row]) -> str:
    return "".join(
        f"{row.layer.replace('x', ' x ')} {row.activation or '-'} "
        f"{' x '.join(map(str, row.shape))} {as_the_paper_writes(row.parameters)}\n"
        for row in rows
    )


def test_the_paper_s_networks_are_its_table_2() -> None:
    spec = network_spec(**PAPER)
    rows = {name: layerwise.rows(spec, name, 1024) for name in ("generator", "discriminator")}
    assert printed(rows["generator"]) == GENERATOR
    assert printed(rows["discriminator"]) == DISCRIMINATOR
    totals = {name: sum(row.parameters for row in found) for name, found in rows.items()}
    assert totals == {"generator": 23_071_507, "discriminator": 23_077_137}
    norms = {row.norm for row in rows["generator"] if row.activation == "LReLU"}
    assert norms == {"pixel"}
    assert layerwise.parameters(spec, "generator", 1024) == 23_079_115


@pytest.mark.usefixtures("with_presets")
def test_the_paper_s_preset_has_the_paper_s_networks() -> None:
    plan = plan_of(params_of("celeba-hq-1024"))
    assert printed(layerwise.rows(plan.spec, "generator", plan.resolution)) == GENERATOR
    assert printed(layerwise.rows(plan.spec, "discriminator", plan.resolution)) == DISCRIMINATOR


SPECS = {
    "row a": (network_spec(**ROW_A), 16),
    "labels": (network_spec(classes=3, minibatch_stddev=4), 8),
    "fused, discrimination": (
        network_spec(fused_downsampling=True, minibatch_discrimination=2, latent_norm="none"),
        8,
    ),
    "dcgan": (network_spec(**DCGAN, classes=2), 16),
    "weak": (network_spec(name="weak"), 32),
    "mlp": (network_spec(**MLP, classes=2), 8),
    "stackgan": (
        network_spec(
            **SYSTEMS["stackgan"].decided, name="stackgan", minibatch_stddev=False, classes=3
        ),
        16,
    ),
    **{
        name: (network_spec(**{**CODER, "name": name}), 8)
        for name in ("autoencoder", "vae", "vae-gan")
    },
}


def of(name: str, network: str) -> list[Row]:
    spec, resolution = SPECS[name]
    return layerwise.rows(spec, network, resolution)


def test_norms_stand_beside_what_they_normalise() -> None:
    assert {r.norm for r in of("row a", "generator") if r.activation == "ReLU"} == {"batch"}
    assert of("row a", "generator")[-1].activation == "tanh"
    assert {r.norm for r in of("row a", "discriminator") if r.activation == "LReLU"} >= {"layer"}


def test_what_joins_has_the_name_of_the_function_or_module_that_joins() -> None:
    assert [row.shape for row in of("labels", "generator") if row.layer == "Join"] == [(8, 1, 1)]
    assert of("labels", "discriminator")[-1].shape == (4, 1, 1)
    layers = {row.layer: row for row in of("fused, discrimination", "discriminator")}
    assert layers["Minibatch discrimination"].parameters > 0
    assert layers["Conv 3x3, downsample"].shape[1:] == (4, 4)
    assert [r.layer for r in of("dcgan", "generator")][2:] == [
        "Conv 4x4",
        "Transposed 5x5",
        "Transposed 5x5",
    ]


@pytest.mark.parametrize("name", SPECS)
def test_every_system_s_layers_have_all_weights_that_an_image_meets(name: str) -> None:
    spec, resolution = SPECS[name]
    for network in SYSTEMS[spec.name].networks:
        named = [
            (weight, shape.numel())
            for weight, shape in weights.names(spec, resolution)
            if weight.startswith(f"{network}.")
        ]
        every = sum(size for _, size in named)
        other = re.compile(rf"\.(to|from)_rgb\.(?!{resolution}\.)")
        ends = [size for weight, size in named if other.search(weight)]
        rows = layerwise.rows(spec, network, resolution)
        assert layerwise.parameters(spec, network, resolution) == every
        assert sum(row.parameters for row in rows) == every - sum(ends)
        assert (rows[-1].shape[1:] == (resolution, resolution)) == (network == "generator")
        if network == "encoder":
            assert rows[-1].shape == (2 * spec.latent_size, 1, 1), "mean and log-variance"


def test_every_system_is_listed() -> None:
    assert {spec.name for spec, _ in SPECS.values()} == set(SYSTEMS)
