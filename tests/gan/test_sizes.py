"""The networks counted without building them, against the networks."""

from typing import Any

import pytest
from specs import CODER, DCGAN, MLP, ROW_A, network_spec

from pgpipe.gan import weights
from pgpipe.gan.systems import SYSTEMS

WEAK: dict[str, Any] = {"name": "weak", "fmap_base": 64}
STACK: dict[str, Any] = {"name": "stackgan", "latent_norm": "none", "latent_size": 13}


@pytest.mark.parametrize(
    ("resolution", "changes"),
    [
        (4, {}),
        (8, {"classes": 3}),
        (8, {"classes": 3, "conditioning": "projection"}),
        (8, {"captions": True, "conditioning": "matching"}),
        (8, {"captions": True, "conditioning": "joint"}),
        (8, {**DCGAN, "captions": True}),
        (32, {**WEAK, "captions": True}),
        (16, {"classes": 3, "conditioning": "joint", "minibatch_discrimination": 7}),
        (16, {"first_layer": "pixel-bias"}),
        (64, {"channels": 1, "fmap_max": 16}),
        (32, {"minibatch_stddev": False, "discriminator_divisor": 2}),
        (16, {"minibatch_stddev": 4, "minibatch_discrimination": 7}),
        (16, {**ROW_A, "classes": 2}),
        (16, {"discriminator_norm": "batch", "generator_norm": "none"}),
        (1024, {"fmap_base": 8192, "fmap_max": 512, "latent_size": 512, "classes": 10}),
        (64, DCGAN),
        (8, {**DCGAN, "classes": 3, "discriminator_divisor": 2}),
        (16, {**MLP, "classes": 2, "discriminator_divisor": 2}),
        (4, MLP),
        (8, {"generator_norm": "response"}),
        (32, WEAK),
        (32, {**WEAK, "classes": 4, "discriminator_divisor": 4, "generator_norm": "batch"}),
        (8, {**WEAK, "discriminator_norm": "layer", "minibatch_stddev": False}),
        (4, CODER),
        (16, {**CODER, "name": "autoencoder", "discriminator_norm": "layer"}),
        (16, {**CODER, "name": "vae-gan", "minibatch_stddev": 4, "minibatch_discrimination": 2}),
        (16, {**STACK, "classes": 3}),
        (64, {**STACK, "classes": 10, "channels": 1}),
        (64, {**STACK, "captions": True}),
        (64, {**STACK, "classes": 2, "generator_norm": "batch", "discriminator_norm": "layer"}),
    ],
)
def test_counts_are_those_of_the_networks(resolution: int, changes: dict[str, Any]) -> None:
    spec = network_spec(**changes)
    for kind, network in SYSTEMS[spec.name].networks.items():
        named = [s.numel() for name, s in weights.names(spec, resolution) if name.startswith(kind)]
        assert sorted(network.sizes(spec, resolution)) == sorted(named)
