"""Operations against the formula of each layer; what the device attains; time outside of torch."""

import pytest
import torch
from specs import train_section
from torch import Tensor

from benchmarks import attainable, counts
from benchmarks.timing import Work
from pgpipe.gan.layers import Conv, DownConv, UpConv
from pgpipe.gan.losses.gradients import gradient_norms

N, C, K, SIDE = 2, 3, 5, 8
CONV = 2 * N * K * C * 9 * SIDE**2  # a multiplication and an addition a tap
FUSED = 2 * N * K * C * 16 * SIDE**2  # 16 taps an input pixel up, an output pixel down


def inputs(side: int = SIDE) -> Tensor:
    return torch.ones(N, C, side, side, requires_grad=True)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(attainable.SIDES, "cpu", 24)
    monkeypatch.setitem(attainable.CONVOLUTIONS, "cpu", (2, 6, 8))


def test_a_convolution() -> None:
    layer = Conv(C, K, 3)
    assert counts.flop(lambda: layer(inputs())) == CONV


def test_its_derivatives_are_a_convolution_each() -> None:
    layer = Conv(C, K, 3)
    assert counts.flop(lambda: layer(inputs()).sum().backward()) == 3 * CONV


def test_fused_resampling_takes_16_taps_on_the_small_image() -> None:
    up, down = UpConv(C, K, 3), DownConv(C, K, 3)
    assert counts.flop(lambda: up(inputs())) == FUSED
    assert counts.flop(lambda: down(inputs(2 * SIDE))) == FUSED


def test_a_penalty_counts_its_second_derivative() -> None:
    """The layer, its gradient at the images, and that gradient's own two derivatives."""
    layer = Conv(C, K, 3)

    def call() -> None:
        norms = gradient_norms(lambda x: layer(x).sum(dim=(1, 2, 3)), inputs())
        norms.sum().backward()

    assert counts.flop(call) == 4 * CONV


def test_what_the_device_attains_is_measured_on_work_of_known_size() -> None:
    section = train_section(channels_last=True)
    assert counts.flop(attainable.product(section).call) == 2 * 24**3
    assert counts.flop(attainable.convolution(section).call) == 2 * 2 * 6 * 6 * 9 * 8**2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_is_of_the_precision_of_training(precision: str) -> None:
    section = train_section(precision=precision)
    expected = torch.bfloat16 if precision == "bf16" else torch.float32
    for make in (attainable.product, attainable.convolution):
        made = make(section).call()
        assert isinstance(made, Tensor)
        assert made.dtype == expected


def test_pure_python_is_outside_and_a_large_product_is_not() -> None:
    a = torch.ones(600, 600)
    assert counts.outside(Work(lambda: sum(range(500_000)))) > 0.9
    assert counts.outside(Work(lambda: a @ a)) < 0.5


def test_the_profiler_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    counts.outside(Work(lambda: torch.ones(1)))
    assert capfd.readouterr() == ("", "")
