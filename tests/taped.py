"""A stand-in for a CUDA graph on any device: operations are recorded, then done once more.

As with a graph, a replay has the arguments that were recorded: tensors as they then are, at the
same place in memory, and numbers as they were. What a graph cannot record is refused.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
REFUSED = {
    aten._local_scalar_dense.default,  # the host waits for a number
    aten.lift_fresh.default,  # a tensor made from the host's numbers
    aten.nonzero.default,  # a shape that the host waits for
}


class Taped:
    """Records what a call does to `lasting` tensors and to those that it makes."""

    def __init__(self, lasting: Callable[[], Sequence[Tensor]], most: float = math.inf) -> None:
        """With `most`, so many operations can be recorded."""
        self.lasting, self.tape = lasting, Tape(most)

    def warm_up(self, call: Callable[[], Tensor]) -> Tensor:
        return call()

    def record(self, call: Callable[[], Tensor]) -> Tensor:
        """Operations have to be done to be recorded; what they did to what lasts is undone."""
        before = [tensor.detach().clone() for tensor in self.lasting()]
        try:
            with self.tape:
                result = call()
        finally:
            with torch.no_grad():
                for tensor, old in zip(self.lasting(), before, strict=True):
                    tensor.copy_(old)
        return result.fill_(torch.nan)

    def replay(self) -> None:
        self.tape.replay()


class Tape(TorchDispatchMode):
    """The operations of what is done under it."""

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = most
        self.calls: list[tuple[Any, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in REFUSED or len(self.calls) >= self.most:
            raise RuntimeError(f"{func} cannot be captured\nand this is why")
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, result in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)
