"""Adam (Kingma and Ba 2015), and plain gradient descent.

Adam's arithmetic is that of `torch.optim`, whose classes import torch's compiler: that takes as
long as torch itself, at the start of every process that trains.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # Adam's tensors of a parameter, as torch calls them


class Optimiser:
    """Moves parameters against their gradients.

    The learning rate is a number, or a tensor [], which a captured step sees change.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float | Tensor) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.moments: dict[Tensor, dict[str, Tensor]] = {}  # of the parameters that have moved

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def gradients(self) -> list[Tensor]:
        """Return those of the parameters that have one."""
        return [p.grad for p in self.parameters if p.grad is not None]

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have gradients."""
        moving = [p for p in self.parameters if p.grad is not None]
        self.move(moving, self.gradients())

    def move(self, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Move parameters against these gradients."""
        raise NotImplementedError


class Descent(Optimiser):
    """Plain steps without momentum, as those of algorithm 1 of Goodfellow et al. 2014."""

    def move(self, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Subtract the learning rate times the gradients."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(self.learning_rate * gradient)


class Adam(Optimiser):
    """Adam, in its fused form, or as torch writes it where none is asked for."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        fused: bool = False,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.betas, self.epsilon, self.fused = betas, epsilon, fused

    def move(self, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Move by the means of gradients over the roots of the means of their squares."""
        self.moments |= {p: self.first_moments(p) for p in parameters if p not in self.moments}
        of = [self.moments[p] for p in parameters]
        steps, averages, squares = ([m[k] for m in of] for k in MOMENTS)
        adam(
            parameters,
            gradients,
            averages,
            squares,
            [],
            steps,
            fused=self.fused or None,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=self.epsilon,
            maximize=False,
        )

    def first_moments(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return zeros in a parameter's memory layout; the fused form counts on its device."""
        counted_on = parameter.device if self.fused else torch.device("cpu")
        return {
            "step": torch.zeros((), device=counted_on),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
