"""Processes that share the work of one: tasks through pipes, large results through shared memory.

They are forked, so that they have all that is imported, and the memory has no name that could stay
behind. They end with the process that started them, however that ends: their pipes do.
"""

import mmap
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np

from pgpipe.errors import PgpipeError, ResourceError
from pgpipe.images import Images
from pgpipe.plumbing.processes.cores import cores

AHEAD = 2  # tasks that a worker has: one that it does, and the next
SLOTS = AHEAD + 1  # a worker: one more waits for its turn, or is read
MOST = 16  # more would wait for the process that writes
SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[T, Images], R]  # a task and the slot, uint8 [bytes], that it may fill


class Workers(Generic[T, R]):
    """A context in which so many processes do `work`."""

    def __init__(self, work: Work[T, R], slot_bytes: int, processes: int = 0) -> None:
        """Reserve their memory; 0 processes: one for each core."""
        self.work, self.count = work, processes or min(cores(), MOST)
        memory = mmap.mmap(-1, SLOTS * self.count * slot_bytes)
        self.slots: Images = np.frombuffer(memory, np.uint8).reshape(-1, slot_bytes)
        self.processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Self:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until a worker ignores them
        try:
            for _ in range(self.count):
                self.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def start(self) -> None:
        """Fork one more worker."""
        here, there = get_context("fork").Pipe()
        arguments = (self.work, self.slots, there, [here, *self.processes])
        process = get_context("fork").Process(target=serve, args=arguments, daemon=True)
        process.start()
        there.close()  # so that its end is noticed
        self.processes[here] = process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for process in self.processes.values():
            process.kill()
        for pipe, process in self.processes.items():
            process.join()
            pipe.close()

    def results(self, tasks: Iterator[T]) -> Iterator[tuple[R, Images]]:
        """The result of each task, in their order, and its slot, which is the caller's until then.

        A user's error of the tasks themselves is raised after the results of those before it.

        Raises:
            ResourceError: a worker died.
        """
        order = InOrder(self, tasks)
        while True:
            order.receive()
            order.send()
            if order.due in order.done:
                result, slot = order.done.pop(order.due)
                yield result, self.slots[slot]
                order.free.append(slot)
                order.due += 1
            elif not order.busy:
                break
        if order.failure is not None:
            raise order.failure

    def answer(self, pipe: Connection) -> R:
        """What a worker has to say."""
        try:
            result, error = pipe.recv()
        except (EOFError, OSError):
            process = self.processes[pipe]
            process.join()
            raise ResourceError(
                f"a process that prepares images ended with {process.exitcode}: most likely the "
                "memory was not enough; free some and rerun"
            ) from None
        if error is not None:
            raise error
        answered: R = result
        return answered


class InOrder(Generic[T, R]):
    """Who works on what, and which results wait for those before them."""

    def __init__(self, workers: Workers[T, R], tasks: Iterator[T]) -> None:
        self.workers, self.tasks = workers, enumerate(tasks)
        self.failure: PgpipeError | None = None
        self.free = list(range(len(workers.slots)))
        self.ready = deque([*workers.processes] * AHEAD)  # who may have a task more
        self.busy: dict[Connection, deque[tuple[int, int]]] = {}  # numbers of tasks, slots
        self.done: dict[int, tuple[R, int]] = {}  # result, slot, by the number of the task
        self.due = 0

    def receive(self) -> None:
        """Take the results that there are; wait for one where the one that is due is missing."""
        if not self.busy:
            return
        for pipe in wait(list(self.busy), 0 if self.due in self.done else None):
            assert isinstance(pipe, Connection)
            number, slot = self.busy[pipe].popleft()
            self.done[number] = self.workers.answer(pipe), slot
            self.ready.append(pipe)
            if not self.busy[pipe]:
                del self.busy[pipe]

    def send(self) -> None:
        """Keep all busy, as far as there are tasks and slots for their results."""
        while self.ready and self.free and (task := self.following()) is not None:
            pipe, slot = self.ready.popleft(), self.free.pop()
            self.busy.setdefault(pipe, deque()).append((task[0], slot))
            with suppress(BrokenPipeError, ConnectionResetError):  # its answer tells why
                pipe.send((task[1], slot))

    def following(self) -> tuple[int, T] | None:
        """The next task and its number."""
        try:
            return next(self.tasks, None)
        except PgpipeError as error:
            self.failure = error
            return None


def serve(work: Work[T, R], slots: Images, pipe: Connection, others: list[Connection]) -> None:
    """Do tasks until nobody is there who asks; signals are the business of who does."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    for other in others:
        other.close()  # else the pipes of others would not end with their owner
    tasks: SimpleQueue[tuple[T, int] | None] = SimpleQueue()
    Thread(target=receive, args=(pipe, tasks), daemon=True).start()
    with suppress(OSError):
        while (given := tasks.get()) is not None:
            pipe.send(attempt(work, given[0], slots[given[1]]))


def receive(pipe: Connection, tasks: SimpleQueue[tuple[T, int] | None]) -> None:
    """Take tasks while another is done, so that whoever sends them need not wait."""
    with suppress(EOFError, OSError):
        while True:
            tasks.put(pipe.recv())
    tasks.put(None)


def attempt(work: Work[T, R], task: T, slot: Images) -> tuple[R | None, Exception | None]:
    """The result of a task, or what it raised."""
    try:
        return work(task, slot), None
    except Exception as error:
        error.add_note(traceback.format_exc())  # the traceback itself cannot be sent
        return None, error
