"""`train.deterministic`: what is asked of torch, and that a step has nothing that would refuse."""

from typing import Any

import pytest
import torch
from specs import train_section
from tinytraining import CASES, minibatches, start
from torch.utils._python_dispatch import TorchDispatchMode

from pgpipe.gan.step import Step
from pgpipe.training.numerics import prepare

pytestmark = pytest.mark.usefixtures("numerics_as_before")

# By the documentation of `torch.use_deterministic_algorithms`, torch 2.13.
REFUSED_ON_A_GPU = {
    "adaptive_max_pool2d_backward",
    "_adaptive_avg_pool2d_backward",
    "_adaptive_avg_pool3d_backward",
    "avg_pool3d_backward",
    "bincount",
    "_ctc_loss_backward",
    "cumsum",
    "_embedding_bag_backward",
    "fractional_max_pool2d_backward",
    "fractional_max_pool3d_backward",
    "grid_sampler_2d_backward",
    "histc",
    "max_unpool2d",
    "max_unpool3d",
    "median",
    "nll_loss2d_forward",
    "put",
    "put_",
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "reflection_pad3d_backward",
    "scatter_reduce",
    "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
    "upsample_linear1d_backward",
    "upsample_trilinear3d_backward",
}


class Operations(TorchDispatchMode):
    """The names of all operations of a block."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(operation.overloadpacket.__name__)
        return operation(*args, **(kwargs or {}))


def test_torch_is_asked_for_it_and_asked_no_more() -> None:
    asked = []
    for wanted in (True, True, False):
        prepare(train_section(deterministic=wanted))
        asked.append(torch.are_deterministic_algorithms_enabled())
    assert asked == [True, True, False]


@pytest.mark.parametrize(("changes", "model", "fading"), CASES)
def test_no_operation_of_a_step_is_refused(
    changes: dict[str, Any], model: dict[str, Any], fading: bool
) -> None:
    train = train_section(**changes, deterministic=True)
    prepare(train)
    nets = start(train, **model)
    (batches,) = minibatches(1, train, nets.generator.spec.classes, fading)
    with Operations() as operations:
        Step(nets, train)(batches)
    multiplied = "mm" if model.get("name") == "mlp" else "convolution_backward"
    assert multiplied in operations.names
    assert not operations.names & REFUSED_ON_A_GPU


def test_an_operation_that_is_refused_would_show() -> None:
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    with Operations() as operations:
        torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear").sum().backward()
    assert operations.names & REFUSED_ON_A_GPU
