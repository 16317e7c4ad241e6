"""The architecture of Inception-v3 as tables (Szegedy et al. 2016).

A block is branches side by side, joined by channel; a branch is parts one after the other. Names
and order are those of the public weight file; sizes are given for an input of 299x299.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Step(NamedTuple):
    """A convolution; without padding where it is `valid`, else it keeps the size."""

    name: str
    maps: int
    kernel: tuple[int, int] = (1, 1)  # height, width
    stride: int = 1
    valid: bool = False


Pool = Callable[[Tensor], Tensor]
Part = Step | Pool | list[Step]  # a list: all of the same input, joined by channel
Branch = tuple[Part, ...]
Block = tuple[Branch, ...]

AVERAGE: Pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
MAXIMUM: Pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
HALVE: Pool = partial(F.max_pool2d, kernel_size=3, stride=2)


def square(name: str, maps: int, size: int = 3) -> Step:
    """A convolution in both directions."""
    return Step(name, maps, (size, size))


def row(name: str, maps: int, size: int) -> Step:
    """A convolution along the width."""
    return Step(name, maps, (1, size))


def column(name: str, maps: int, size: int) -> Step:
    """A convolution along the height."""
    return Step(name, maps, (size, 1))


def halving(name: str, maps: int) -> Step:
    """A 3x3 convolution of stride 2."""
    return Step(name, maps, (3, 3), 2, valid=True)


STEM: Branch = (
    halving("Conv2d_1a_3x3", 32),
    Step("Conv2d_2a_3x3", 32, (3, 3), valid=True),
    square("Conv2d_2b_3x3", 64),
    HALVE,
    Step("Conv2d_3b_1x1", 80),
    Step("Conv2d_4a_3x3", 192, (3, 3), valid=True),
    HALVE,
)


def block_a(pooled: int) -> Block:
    """At 35x35: 5x5, and two 3x3 in its place; `pooled` maps of averages."""
    double = (
        Step("branch3x3dbl_1", 64),
        square("branch3x3dbl_2", 96),
        square("branch3x3dbl_3", 96),
    )
    return (
        (Step("branch1x1", 64),),
        (Step("branch5x5_1", 48), square("branch5x5_2", 64, 5)),
        double,
        (AVERAGE, Step("branch_pool", pooled)),
    )


def block_b() -> Block:
    """From 35x35 to 17x17."""
    double = (
        Step("branch3x3dbl_1", 64),
        square("branch3x3dbl_2", 96),
        halving("branch3x3dbl_3", 96),
    )
    return ((halving("branch3x3", 384),), double, (HALVE,))


def block_c(inner: int) -> Block:
    """At 17x17: 7x7 as a row and a column, once and twice, on `inner` maps."""
    once = (Step("branch7x7_1", inner), row("branch7x7_2", inner, 7), column("branch7x7_3", 192, 7))
    twice = (
        Step("branch7x7dbl_1", inner),
        column("branch7x7dbl_2", inner, 7),
        row("branch7x7dbl_3", inner, 7),
        column("branch7x7dbl_4", inner, 7),
        row("branch7x7dbl_5", 192, 7),
    )
    return ((Step("branch1x1", 192),), once, twice, (AVERAGE, Step("branch_pool", 192)))


def block_d() -> Block:
    """From 17x17 to 8x8."""
    cross = (row("branch7x7x3_2", 192, 7), column("branch7x7x3_3", 192, 7))
    return (
        (Step("branch3x3_1", 192), halving("branch3x3_2", 320)),
        (Step("branch7x7x3_1", 192), *cross, halving("branch7x7x3_4", 192)),
        (HALVE,),
    )


def block_e(pool: Pool) -> Block:
    """At 8x8: a row and a column side by side."""
    fork = [row("branch3x3_2a", 384, 3), column("branch3x3_2b", 384, 3)]
    double = [row("branch3x3dbl_3a", 384, 3), column("branch3x3dbl_3b", 384, 3)]
    return (
        (Step("branch1x1", 320),),
        (Step("branch3x3_1", 384), fork),
        (Step("branch3x3dbl_1", 448), square("branch3x3dbl_2", 384), double),
        (pool, Step("branch_pool", 192)),
    )


MIXED: dict[str, Block] = {
    "Mixed_5b": block_a(32),
    "Mixed_5c": block_a(64),
    "Mixed_5d": block_a(64),
    "Mixed_6a": block_b(),
    "Mixed_6b": block_c(128),
    "Mixed_6c": block_c(160),
    "Mixed_6d": block_c(160),
    "Mixed_6e": block_c(192),
    "Mixed_7a": block_d(),
    "Mixed_7b": block_e(AVERAGE),
    "Mixed_7c": block_e(MAXIMUM),
}
