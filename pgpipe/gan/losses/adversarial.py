"""What D and G want of the scores: one objective per file, one row per objective here.

Scores are float32 [N]; both sides of an objective return a mean over the minibatch, to be
minimised. Higher is more real, except in `lsgan`, where reals are scored 0 and fakes 1.

To add an objective, write a file with an `OBJECTIVE` beside this one, add its row to `OBJECTIVES`
and its name to `train.loss` (pgpipe/gan/train_section.py).
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]  # scores of reals and of fakes -> scalar


class AdaptiveNoise(NamedTuple):
    """Noise in D whose strength follows how sure D is of the fakes."""

    running_score: Loss  # running mean [] and scores of fakes [N] -> the next running mean []
    strength: Callable[["Tensor"], "Tensor"]  # running mean [] -> strength of the noise []


class Adversarial(NamedTuple):
    """The two sides of an objective."""

    discriminator: Loss
    generator: Loss
    needs_reals: bool = False  # whether the generator's side looks at the scores of reals
    noise: AdaptiveNoise | None = None


# By name, and imported by name: what a training depends on is the objective that it uses.
OBJECTIVES = {
    "wgan-gp": "pgpipe.gan.losses.wgan_gp",
    "minimax": "pgpipe.gan.losses.minimax",
    "non-saturating": "pgpipe.gan.losses.non_saturating",
    "lsgan": "pgpipe.gan.losses.lsgan",
    "hinge": "pgpipe.gan.losses.hinge",
    "r1": "pgpipe.gan.losses.r1",
    "relativistic": "pgpipe.gan.losses.relativistic",
}


def objective(name: str) -> Adversarial:
    """Return the objective that `train.loss` names."""
    found: Adversarial = import_module(OBJECTIVES[name]).OBJECTIVE
    return found
