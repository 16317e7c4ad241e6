"""The fast step against the plain one from the same seeds: 200 steps, in float64 and in float32.

Both differ by rounding alone. In float64 what is left of it is far below what any other mathematics
would leave; in float32 it is the same number of roundings.
"""

from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from literal import plain
from specs import train_section
from taped import Taped
from tinytraining import minibatch, networks
from torch import Tensor

from pgpipe.gan import convolution, layers
from pgpipe.gan.networks import tensors_of
from pgpipe.gan.step import Step
from pgpipe.training.capture import CapturedStep

pytestmark = pytest.mark.slow

N, CLASSES = 4, 3
FADE, ALONE, STEPS = 20, 30, 200  # steps of the fade, of a run of one choice, of all together
TOLERANCE = 1000  # times the rounding of one operation; at most 7 were found
TRAIN: dict[str, Any] = {
    "minibatch": N,
    "label_conditioning": "acgan",
    "mirror": True,
    "learning_rate": 0.001,  # with 0.003, training itself amplifies roundings
    "drift": 0.1,  # without it nothing but roundings moves the bias of D's score
}
MODEL: dict[str, Any] = {"classes": CLASSES, "fmap_max": 4, "fused_downsampling": True}

EACH = [*[{name} for name in plain.INSTEAD], {"channels_last"}, {"captured", "fused Adam"}]
ALL = set().union(*EACH)


class Run(NamedTuple):
    """Figures [steps, 6], and all weights after each step [steps, weights]."""

    figures: Tensor
    weights: Tensor


def run(steps: int, fast: set[str]) -> Run:
    """Train with some choices fast, and all others plain."""
    train = train_section(**TRAIN, channels_last="channels_last" in fast)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "LARGE", 4)  # pixels: on all layers
        for name, instead in plain.INSTEAD.items():
            if name not in fast:
                patch.setattr(*instead)
        nets = networks(train, **MODEL)
        step: Any = Step(nets, train)
        if "captured" in fast:
            step = CapturedStep(step, lambda: Taped(lambda: list(tensors_of(nets).values())))
        figures, weights = [], []
        for n in range(steps):
            fade = n / FADE if n < FADE else None
            figures.append(step([minibatch(N * n, CLASSES, fade, N)]).clone())
            every = [p.detach().flatten() for _, net in nets.named() for p in net.parameters()]
            weights.append(torch.cat(every))
    return Run(torch.stack(figures), torch.stack(weights))


@cache
def reference(_: torch.dtype) -> Run:
    """With every choice undone."""
    return run(STEPS, set())


def roundings(fast: set[str], steps: int) -> float:
    """The largest difference from the plain run, in roundings of what is compared."""
    ours, theirs = run(steps, fast), reference(torch.get_default_dtype())
    apart = [
        (a - b[:steps]).abs() / (1 + b[:steps].abs()) for a, b in zip(ours, theirs, strict=True)
    ]
    return max(x.max().item() for x in apart) / torch.finfo(apart[0].dtype).eps


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fast", EACH, ids=sorted)
def test_each_choice_alone(fast: set[str]) -> None:
    assert roundings(fast, ALONE) < TOLERANCE


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_all_together(precision: str, request: pytest.FixtureRequest) -> None:
    if precision == "float64":
        request.getfixturevalue("in_double")
    assert 0 < roundings(ALL, STEPS) < TOLERANCE


@pytest.mark.usefixtures("in_double")
def test_other_mathematics_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps that take every other pixel where D halves."""
    wrong = {"fused downsampling": (layers.DownConv, "linear", plain.picked)}
    monkeypatch.setattr(plain, "INSTEAD", {**plain.INSTEAD, **wrong})
    assert roundings(set(), 2) > 1e6 * TOLERANCE
