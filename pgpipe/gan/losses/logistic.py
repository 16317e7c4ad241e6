"""The discriminator's side that several objectives share: telling reals from fakes."""

import torch.nn.functional as F
from torch import Tensor


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(real))] - E[log(1 - s(f(fake)))], s = sigmoid (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def mismatched(wrong: Tensor) -> Tensor:
    """-E[log(1 - s(f(real, wrong label)))], to tell it from its label (Reed et al. 2016, alg. 1).

    There this pair and the fake count half; here each of the three pairs counts 1.
    """
    return F.softplus(wrong).mean()
