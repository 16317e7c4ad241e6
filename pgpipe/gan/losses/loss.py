"""What a loss is: D's side, G's side, a penalty of D's gradients, and noise in D.

Scores are float32 [N]; both sides return a mean over the minibatch, to be minimised. Higher is more
real, except in `lsgan`, where reals are scored 0 and fakes 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

from torch import Tensor

from pgpipe.gan.config import TrainSection
from pgpipe.gan.losses.table import LOSSES

Side = Callable[[Tensor, Tensor], Tensor]  # scores [N] of reals and of fakes -> loss []


@dataclass(frozen=True)
class Seen:
    """What D has just seen: the arguments of a penalty. N images of C channels, R x R pixels."""

    score: Callable[[Tensor], Tensor]  # images [N, C, R, R] -> scores [N], D's without noise
    real: Tensor  # [N, C, R, R]
    fake: Tensor  # [N, C, R, R]
    real_scores: Tensor  # [N]
    uniform: Callable[[], Tensor]  # draws a number of U(0, 1) per image: [N]
    upscale: float  # how much the images are enlarged before the norm of a gradient is taken


Penalty = Callable[[Seen, TrainSection], tuple[Tensor, Tensor]]  # -> loss [], gradient norms [N]


class AdaptiveNoise(NamedTuple):
    """Noise in D whose strength follows how sure D is of the fakes."""

    running_score: Side  # running mean [] and scores of fakes [N] -> the next running mean []
    strength: Callable[[Tensor], Tensor]  # running mean [] -> strength of the noise []


class Loss(NamedTuple):
    """A game between D and G."""

    discriminator: Side
    generator: Side
    penalty: Penalty | None = None  # added to D's side
    needs_reals: bool = False  # whether the generator's side looks at the scores of reals
    noise: AdaptiveNoise | None = None
    # D's side for a third kind of pair, reals with wrong labels: their scores [N] -> loss []
    mismatched: Callable[[Tensor], Tensor] | None = None


def load(name: str) -> Loss:
    """Return the loss that `train.loss` names."""
    found: Loss = import_module(LOSSES[name].module).LOSS
    return found
