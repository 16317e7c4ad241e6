"""The non-saturating game with a penalty on D's gradients at reals (Mescheder et al. 2018).

The penalty, `train.r1_gamma` strong, is in `gradients`.
"""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.losses.adversarial import Adversarial
from pgpipe.gan.losses.logistic import discriminator


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(fake))] (Mescheder et al. 2018, section 2, with f(t) = -log(1 + exp(-t)))."""
    return F.softplus(-fake).mean()


OBJECTIVE = Adversarial(discriminator, generator)
