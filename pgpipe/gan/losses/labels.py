"""What the label logits [N, classes] of D should say; labels are int64 [N], or vectors to match."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.layers import one_hot


def classification(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the auxiliary classifier (Odena et al. 2017, eq. 3)."""
    return F.cross_entropy(logits, labels)


def match_scores(logits: Tensor, labels: Tensor) -> Tensor:
    """How well each image fits its label: the logit of that label, [N].

    Of labels that are vectors [N, classes] it is the inner product with the logits.
    """
    return (logits * one_hot(labels, logits.shape[1], logits.dtype)).sum(dim=1)


def matching_discriminator(right: Tensor, wrong: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(right)] - E[log(1 - s(wrong)) + log(1 - s(fake))] / 2 (Reed et al. 2016, alg. 1).

    Match scores [N] of reals with their own labels, of reals with other labels, and of fakes with
    the labels that they were drawn with.
    """
    return F.softplus(-right).mean() + (F.softplus(wrong).mean() + F.softplus(fake).mean()) / 2


def matching_generator(fake: Tensor) -> Tensor:
    """-E[log s(fake)]."""
    return F.softplus(-fake).mean()
