"""The discriminator's side that several objectives share: telling reals from fakes."""

import torch.nn.functional as F
from torch import Tensor


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(real))] - E[log(1 - s(f(fake)))], s = sigmoid (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()
