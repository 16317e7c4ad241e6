"""The non-saturating game with a penalty on D's gradients at reals (Mescheder et al. 2018)."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.config import TrainSection
from pgpipe.gan.losses.gradients import gradient_norms, zero_centred_penalty
from pgpipe.gan.losses.logistic import discriminator, mismatched
from pgpipe.gan.losses.loss import Loss, Seen


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(fake))] (Mescheder et al. 2018, section 2, with f(t) = -log(1 + exp(-t)))."""
    return F.softplus(-fake).mean()


def penalty(seen: Seen, train: TrainSection) -> tuple[Tensor, Tensor]:
    """R1: gamma / 2 E[|grad f(real)|^2] (Mescheder et al. 2018, eq. 9)."""
    norms = gradient_norms(seen.score, seen.real)
    return zero_centred_penalty(norms, train.r1_gamma, seen.upscale), norms


LOSS = Loss(discriminator, generator, penalty, mismatched=mismatched)
