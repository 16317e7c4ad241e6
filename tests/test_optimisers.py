"""Adam beside the formulas of Kingma and Ba 2015, and beside torch's class; plain descent."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe.optimisers import Adam, Descent, Optimiser

RATE, BETAS, EPSILON, STEPS = 0.003, (0.5, 0.99), 1e-8, 7


def parameters() -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    shapes = (5, 3, 3, 3), (5,), ()
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]


def gradients() -> Iterator[list[Tensor]]:
    draw = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        yield [torch.randn(p.shape, generator=draw) for p in parameters()]


def moved(optimiser: Optimiser | torch.optim.Optimizer, weights: list[Tensor]) -> list[Tensor]:
    for found in gradients():
        optimiser.zero_grad()
        for p, gradient in zip(weights, found, strict=True):
            p.grad = gradient
        optimiser.step()
    return weights


@pytest.mark.parametrize("fused", [True, False])
def test_adam_is_that_of_torch_to_the_bit(fused: bool) -> None:
    ours, theirs = parameters(), parameters()
    moved(Adam(ours, RATE, BETAS, EPSILON, fused), ours)
    moved(torch.optim.Adam(theirs, RATE, BETAS, EPSILON, fused=fused), theirs)
    assert all(a.equal(b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("fused", [True, False])
def test_adam_is_algorithm_1(fused: bool) -> None:
    weights = parameters()
    wanted = [p.detach().numpy().astype(np.float64) for p in weights]
    means, squares = ([np.zeros_like(w) for w in wanted] for _ in range(2))
    for t, found in enumerate(gradients(), start=1):
        for w, m, v, gradient in zip(wanted, means, squares, found, strict=True):
            g = gradient.numpy().astype(np.float64)
            m[...] = BETAS[0] * m + (1 - BETAS[0]) * g
            v[...] = BETAS[1] * v + (1 - BETAS[1]) * g**2
            unbiased = m / (1 - BETAS[0] ** t), v / (1 - BETAS[1] ** t)
            w[...] -= RATE * unbiased[0] / (np.sqrt(unbiased[1]) + EPSILON)
    for p, w in zip(
        moved(Adam(weights, RATE, BETAS, EPSILON, fused), weights), wanted, strict=True
    ):
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-5, atol=1e-7)


def test_descent_subtracts_gradients() -> None:
    weights = parameters()
    total = [torch.stack(of).sum(0) for of in zip(*gradients(), strict=True)]
    moved(Descent(weights, torch.tensor(RATE)), weights)
    for p, start, g in zip(weights, parameters(), total, strict=True):
        torch.testing.assert_close(p.detach(), start.detach() - RATE * g)


def test_what_has_no_gradient_stays_and_has_no_moments() -> None:
    moving, still = parameters()[:2]
    adam = Adam([moving, still], RATE)
    moving.grad = torch.ones_like(moving)
    adam.step()
    assert still.equal(parameters()[1])
    assert list(adam.moments) == [moving]
    assert adam.gradients() == [moving.grad]


@pytest.mark.slow
def test_torchs_compiler_is_not_imported() -> None:
    """It would take as long as torch itself, in every process that trains."""
    program = (
        "import sys, torch; from pgpipe.optimisers import Adam; "
        "p = torch.zeros(2, requires_grad=True); adam = Adam([p], 0.1, fused=True); "
        "p.sum().backward(); adam.step(); adam.zero_grad(); "
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
