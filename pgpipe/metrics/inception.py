"""The Inception score's formula (Salimans et al. 2016), for whatever classifier gave the labels."""

import torch
from torch import Tensor


def inception_score(probabilities: Tensor, splits: int) -> tuple[float, float]:
    """Mean and deviation over `splits` parts of exp(E[KL(p(y|x) || p(y))]).

    Args:
        probabilities: p(y|x) of each image [N, classes].
        splits: parts of equal size, in order; the remainder is left out.

    Returns:
        Between 1 (always the same distribution) and the number of classes; higher is better.
    """
    size = len(probabilities) // splits
    scores = torch.stack([score(part) for part in probabilities[: size * splits].split(size)])
    return scores.mean().item(), scores.std(correction=0).item()


def score(probabilities: Tensor) -> Tensor:
    """exp(E[KL(p(y|x) || p(y))]) of [N, classes], in float64."""
    p = probabilities.double()
    marginal = p.mean(dim=0, keepdim=True)
    divergence = torch.xlogy(p, p) - torch.xlogy(p, marginal)
    return divergence.sum(dim=1).mean().exp()
