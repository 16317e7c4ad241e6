"""The training step as a CUDA graph: all of its kernels launched by one call.

A replay runs the captured kernels on the memory that they were captured with (torch's notes on
CUDA graphs). So what differs between steps is copied into static minibatches first; weights,
moments and learning rates are tensors that stay where they are. What else a step reads is constant
within a part of a phase, and only where the part changes are moments forgotten.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Protocol

import torch
from torch import Tensor

from pgpipe.gan.step import BaseStep, Minibatch
from pgpipe.plumbing.terminal import warn

WARM_UP = 3  # steps before a capture: they allocate what lasts, and choose algorithms

Call = Callable[[], Tensor]
Train = Callable[[Sequence[Minibatch]], Tensor]  # as `BaseStep`


class Graph(Protocol):
    """Work that is recorded once and then repeated."""

    def warm_up(self, call: Call) -> Tensor:
        """Do the work where it will be recorded; its result."""

    def record(self, call: Call) -> Tensor:
        """Record the work without doing it; the memory that will hold its result."""

    def replay(self) -> None:
        """Do what was recorded."""


class CudaGraph:
    """What a call launches on the current device."""

    def __init__(self) -> None:
        self.graph, self.stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()

    def warm_up(self, call: Call) -> Tensor:
        """Call on the stream that records, which torch asks of what comes before a capture."""
        current = torch.cuda.current_stream()
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            result = call()
        current.wait_stream(self.stream)
        return result

    def record(self, call: Call) -> Tensor:
        """Capture a call into a pool of memory of its own."""
        current = torch.cuda.current_stream()
        try:
            # Another thread may pin the next minibatch's memory meanwhile.
            with torch.cuda.graph(
                self.graph, stream=self.stream, capture_error_mode="thread_local"
            ):
                return call()
        finally:
            torch.cuda.set_stream(current)  # a capture that fails leaves its own behind

    def replay(self) -> None:
        """Launch all of it on the current stream."""
        self.graph.replay()


class CapturedStep:
    """A step that is captured once for each part of a phase."""

    def __init__(self, step: BaseStep, new_graph: Callable[[], Graph] = CudaGraph) -> None:
        self.step, self.new_graph = step, new_graph
        self.inputs: list[Minibatch] = []  # static, as the graph reads them
        self.statistics: Tensor | None = None  # static, as the graph writes them
        self.warm_up: float = WARM_UP

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """What the step does and returns; the tensor is overwritten by the next call."""
        if shapes(batches) != shapes(self.inputs):
            self.begin(batches)
        for ours, given in zip(tensors(self.inputs), tensors(batches), strict=True):
            if ours is not None and given is not None:
                ours.copy_(given)
        if self.calls == self.warm_up and self.statistics is None:
            self.capture()
        if self.statistics is None:
            self.calls += 1
            return self.graph.warm_up(self.train)
        self.graph.replay()
        return self.statistics

    def begin(self, batches: Sequence[Minibatch]) -> None:
        """Forget the graph of the part before."""
        self.inputs, self.graph = deepcopy(list(batches)), self.new_graph()
        self.calls, self.statistics = 0, None

    def capture(self) -> None:
        """Capture the step; where that fails, say so once and never try again."""
        try:
            self.statistics = self.graph.record(self.train)
        except RuntimeError as error:
            self.warm_up = math.inf
            warn(
                "the training step is not captured as a CUDA graph, which only makes it slower "
                f"({str(error).splitlines()[0]})"
            )

    def train(self) -> Tensor:
        """A step on what the static minibatches hold."""
        return self.step(self.inputs)


def tensors(batches: Sequence[Minibatch]) -> list[Tensor | None]:
    """All that a step reads of its minibatches."""
    return [x for b in batches for x in (b.images, b.labels, b.labels_g, b.seen, b.fade)]


def shapes(batches: Sequence[Minibatch]) -> list[torch.Size | None]:
    """Return what tells one part of a phase from another: only a fade has its shape."""
    return [None if x is None else x.shape for x in tensors(batches)]


def as_asked(step: BaseStep) -> Train:
    """Return the step as a CUDA graph, if the section asks for it and there can be one."""
    if not step.section.capture:
        return step
    if step.device.type == "cuda" and step.processes.count == 1:
        return CapturedStep(step)
    warn("train.capture: a plain step: a CUDA graph is of one process on a GPU")
    return step
