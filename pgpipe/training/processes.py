"""The processes that train one phase together, each on its parts of every minibatch.

All hold the same networks and take the same steps; one writes. torchrun, or whatever else sets its
environment variables, starts them; a process without these is alone.
"""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


class Processes:
    """One process, which need not ask anybody."""

    rank, count = 0, 1

    @property
    def writes(self) -> bool:
        """Whether this one writes states, pictures and metrics."""
        return self.rank == 0

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes."""

    def any(self, *flags: bool) -> list[bool]:
        """Whether each flag is up anywhere: the same answer in all processes."""
        return list(flags)

    def in_turn(self, work: Callable[[], T]) -> T:
        """What `work` returns; the one that writes does it before the others."""
        return work()


ALONE = Processes()


class Group(Processes):
    """One of several processes."""

    def __init__(self, device: torch.device) -> None:
        """Meet the others; on CUDA, take the device of the local rank."""
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self.talk = dist.new_group(backend="gloo")  # between hosts, past the devices' queues

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """See `Processes`; one message for all tensors."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = flat.div_(self.count).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def any(self, *flags: bool) -> list[bool]:
        """See `Processes`."""
        up = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(up, dist.ReduceOp.MAX, group=self.talk)
        return [bool(flag) for flag in up]

    def in_turn(self, work: Callable[[], T]) -> T:
        """See `Processes`."""
        if self.writes:
            done = work()
        dist.barrier(group=self.talk)
        return done if self.writes else work()


def first() -> bool:
    """Whether this process is the one that writes."""
    return os.environ.get("RANK", "0") == "0"


def world_size() -> int:
    """How many processes there are in all."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(device: torch.device) -> Processes:
    """This process among the others."""
    return Group(device) if world_size() > 1 else ALONE
