"""What a step trains and reads, tiny: networks of 8x8 images and minibatches of noise."""

from collections.abc import Mapping
from typing import Any

import torch
from specs import DCGAN, MLP, network_spec
from torch import Tensor

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import TrainSection
from pgpipe.gan.networks import Networks, build
from pgpipe.gan.step import Minibatch

CPU = torch.device("cpu")

Case = tuple[dict[str, Any], dict[str, Any], bool]  # train, model, whether new layers fade in

CASES: list[Case] = [
    ({}, {}, False),
    ({"channels_last": True, "mirror": True}, {"fused_downsampling": True}, True),
    ({"adam_beta1": 0.5, "discriminator_steps": 2}, {}, True),
    ({"label_conditioning": "acgan", "updates": "simultaneous"}, {"classes": 3}, True),
    ({"label_conditioning": "matching"}, {"classes": 3}, False),
    ({"label_conditioning": "projection"}, {"classes": 3}, True),
    ({"label_conditioning": "joint", "loss": "r1"}, {"classes": 3}, True),
    ({"minibatch_stddev": 2, "minibatch_per_device": 4, "mirror": True}, {}, True),
    ({"loss": "lsgan"}, {}, True),
    ({"loss": "relativistic"}, {"minibatch_discrimination": 3}, False),
    ({"minibatch_stddev": False, "loss": "non-saturating"}, {**DCGAN, "fmap_max": 4}, False),
    ({"minibatch_stddev": False, "loss": "minimax", "optimiser": "sgd"}, MLP, False),
    ({"precision": "bf16"}, {}, True),
]


def start(train: TrainSection, device: torch.device = CPU, **model: Any) -> Networks:
    """Networks of a case: where D hears noise, it does from the first step, ever less."""
    nets = networks(train, device=device, **model)
    if nets.fake_score is not None:
        nets.fake_score.fill_(0.9)
    return nets


def minibatches(
    count: int, train: TrainSection, classes: int, fading: bool, device: torch.device = CPU
) -> list[list[Minibatch]]:
    """Those of `count` steps, of which nothing is twice the same, a fade that grows among them."""
    each = train.discriminator_steps
    return [
        [
            minibatch(8 * (n * each + k), classes, n / count if fading else None, device=device)
            for k in range(each)
        ]
        for n in range(count)
    ]


def assert_equal(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """The same tensors to the bit, by the same names."""
    assert ours.keys() == theirs.keys()
    assert all(value.equal(theirs[name]) for name, value in ours.items())


def networks(
    train: TrainSection, resolution: int = 8, device: torch.device = CPU, **changes: Any
) -> Networks:
    """Networks whose average is not the generator itself."""
    form = train.label_conditioning or "acgan"
    sizes: dict[str, Any] = {
        "conditioning": form,
        "fmap_base": 64,
        "fmap_max": 8,
        "minibatch_stddev": train.minibatch_stddev,
    }
    spec = network_spec(**{**sizes, **changes})
    named = weights.initial(spec, resolution, 0)
    others = weights.initial(spec, resolution, 1)
    average = {own: v for n, v in others.items() for own in weights.in_averages(n, spec)}
    return build(spec, resolution, {**named, **average}, train, train.learning_rate, device)


def minibatch(
    seen: int = 0,
    classes: int = 0,
    fade: float | None = None,
    N: int = 8,
    device: torch.device = CPU,
) -> Minibatch:
    """The reals, labels and counters after `seen` images."""
    pixels = rng.integers(256, (N, 8, 8, 3), rng.key(0, "pixels", seen)).to(torch.uint8)
    labels = [rng.integers(classes, (N,), rng.key(0, s, seen)) for s in "dg"] if classes else None
    return Minibatch(
        images=pixels.to(device),
        labels=labels[0].to(device) if labels else None,
        labels_g=labels[1].to(device) if labels else None,
        seen=torch.tensor(seen, device=device),
        fade=None if fade is None else torch.tensor(fade, device=device),
    )
