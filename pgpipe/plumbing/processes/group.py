"""The processes that run one command together, each with its share of the work.

All take the same steps, so that each knows what the others are about; one writes. torchrun, or
whatever else sets its environment variables, starts them; a process without these is alone.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from pgpipe.errors import Interrupted
from pgpipe.plumbing.processes.signals import signals_kill
from pgpipe.plumbing.processes.variables import whole

MOST = 1 << 16  # processes of one command

S = TypeVar("S")
T = TypeVar("T")


class Processes:
    """One process, which need not ask anybody."""

    rank, count = 0, 1

    @property
    def writes(self) -> bool:
        """Whether this one writes states, pictures, samples and scores."""
        return self.rank == 0

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes."""

    def any(self, *flags: bool) -> list[bool]:
        """Whether each flag is up anywhere: the same answer in all processes."""
        return list(flags)

    def in_turn(self, work: Callable[[], T]) -> T:
        """What `work` returns; the one that writes does it before the others."""
        return work()

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This one's part of what is to be done: a slice, of about as many as the others'."""
        cuts = [rank * len(items) // self.count for rank in (self.rank, self.rank + 1)]
        return items[slice(*cuts)]

    def joined(self, found: list[T]) -> list[T]:
        """What all found of their shares, in the order of the whole: the same in all processes."""
        return found

    def in_order(self, work: Callable[[S], T], items: Sequence[S]) -> Iterator[T]:
        """`work` of each item, done by one process, as it comes, for the one that writes.

        The others, who get nothing, have to iterate as well.
        """
        return map(work, items)


ALONE = Processes()


class Group(Processes):
    """One of several processes."""

    def __init__(self, device: torch.device) -> None:
        """Meet the others; on CUDA, take the device of the local rank."""
        if device.type == "cuda":
            torch.cuda.set_device(whole("LOCAL_RANK", 0, 0, MOST))
        with signals_kill():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            self.talk = dist.new_group(backend="gloo")  # between hosts, past the devices' queues
        self.rank, self.count = dist.get_rank(), dist.get_world_size()

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """See `Processes`; one message for all tensors."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with others_alive():
            dist.all_reduce(flat)
        parts = flat.div_(self.count).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def any(self, *flags: bool) -> list[bool]:
        """See `Processes`."""
        up = torch.tensor(flags, dtype=torch.uint8)
        with others_alive():
            dist.all_reduce(up, dist.ReduceOp.MAX, group=self.talk)
        return [bool(flag) for flag in up]

    def in_turn(self, work: Callable[[], T]) -> T:
        """See `Processes`."""
        if self.writes:
            done = work()
        with others_alive():
            dist.barrier(group=self.talk)
        return done if self.writes else work()

    def joined(self, found: list[T]) -> list[T]:
        """See `Processes`."""
        of_all: list[list[T]] = [[] for _ in range(self.count)]
        with others_alive():
            dist.all_gather_object(of_all, found, group=self.talk)
        return list(chain.from_iterable(of_all))

    def in_order(self, work: Callable[[S], T], items: Sequence[S]) -> Iterator[T]:
        """See `Processes`; one item each at a time, so that no result is kept for long."""
        for start in range(0, len(items), self.count):
            own = [work(item) for item in items[start + self.rank :][:1]]  # none, at the end
            of_all: list[list[T]] = [own] * self.count
            with others_alive():
                dist.gather_object(own, of_all if self.writes else None, group=self.talk)
            if self.writes:
                yield from chain.from_iterable(of_all)


@contextmanager
def others_alive() -> Iterator[None]:
    """Have the end of another process be an error that says so."""
    try:
        yield
    except RuntimeError:  # all that torch tells of a connection that is closed
        raise Interrupted(
            "another process of this command has ended; run it again: a training goes on from its "
            "last saved state"
        ) from None


def first() -> bool:
    """Whether this process is the one that writes."""
    return os.environ.get("RANK", "0") == "0"


def world_size() -> int:
    """How many processes there are in all."""
    return whole("WORLD_SIZE", 1, 1, MOST)


@contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """This process among the others, whom it leaves in order: else torch may abort at the exit."""
    if world_size() == 1:
        yield ALONE
        return
    group = Group(device)
    try:
        yield group
    finally:
        dist.destroy_process_group()
