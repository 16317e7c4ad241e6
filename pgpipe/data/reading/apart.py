"""The images of a set, read in a process of its own.

Libraries that read foreign formats are native code before bytes that anybody may have made: they
take the memory that a header asks for, and a few end their process over some damage. Here that is
the reader's process, whose memory is bounded, and what becomes of it is told in one line.
"""

import faulthandler
import mmap
import resource
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import bounds
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.choice import Choice, chosen
from pgpipe.data.reading.folder import files_under
from pgpipe.data.reading.items import Item, batches, size_of
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError, ResourceError
from pgpipe.plumbing.processes.signals import SIGNALS, signal_at_parents_death

BATCH_ITEMS, BATCH_BYTES = 64, 1 << 20  # that are sent at once
STATM, DATA_PAGES = Path("/proc/self/statm"), 5  # of Linux: a process's memory that is its own

Steps = Callable[[], Iterable[Sequence[Any]]]


def opened(
    source: Source, raw: Path, dataset: DatasetSection, skip: int = 0
) -> tuple[Choice, Iterator[Item]]:
    """What the parameters choose of a source, and its images behind the first `skip`.

    Raises:
        UsageError: what `chosen` raises.
        IntegrityError: the files in `raw` are damaged, or become more than they may.
        ResourceError: the reader was killed.
    """
    packed = sum(file.stat().st_size for file in files_under(raw))

    def steps() -> Iterator[Sequence[Any]]:
        choice = chosen(source, raw, dataset)
        yield [choice]
        items = choice.of(within_bounds(source.read(raw), packed, raw))
        yield from batches(islice(items, skip, None), BATCH_ITEMS, BATCH_BYTES)

    answers = read_apart(steps, bounds.READER_BYTES + packed, raw)
    (choice,) = next(answers)
    return choice, (item for batch in answers for item in batch)


def within_bounds(items: Iterator[Item], packed: int, raw: Path) -> Iterator[Item]:
    """Pass images on, as long as all of them are not too much for so many bytes of files."""
    files = pixels = 0
    for item in items:
        with blaming(raw, "data set"):
            if isinstance(item[0], bytes):
                bounds.require_growth(packed, files := files + size_of(item))
            else:
                bounds.require_growth(packed, pixels := pixels + size_of(item), bounds.PIXEL_GROWTH)
        yield item


def read_apart(steps: Steps, memory: int, raw: Path) -> Iterator[Sequence[Any]]:
    """What `steps` yields in another process, which ends with this iterator."""
    here, there = get_context("fork").Pipe(duplex=False)
    arguments = (steps, memory, raw, here, there)
    reader = get_context("fork").Process(target=serve, args=arguments, daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the reader ignores them
    reader.start()
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        there.close()  # so that the reader's end is noticed
        while (some := received(here, reader, raw)) is not None:
            if isinstance(some, Exception):
                raise some
            yield some
    finally:
        reader.kill()
        reader.join()
        here.close()


def received(pipe: Connection, reader: BaseProcess, raw: Path) -> Any:
    """What a reader sends next; an error where it ended without a word."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        reader.join()
    if reader.exitcode == -signal.SIGKILL:
        raise ResourceError(
            f"{raw}: the process that reads it was killed: most likely the memory was not enough; "
            "free some and rerun"
        )
    raise IntegrityError(f"{raw}: not readable: it ended its reader ({reader.exitcode})")


def serve(steps: Steps, memory: int, raw: Path, here: Connection, there: Connection) -> None:
    """Send all that there is, then None, or why it is not all; signals are others' business."""
    here.close()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    signal_at_parents_death(signal.SIGKILL)
    faulthandler.disable()  # the death of this process is told in one line
    limit_memory(memory)
    with suppress(BrokenPipeError):  # nobody asks any more
        there.send(failure(steps, there, memory, raw))


def failure(steps: Steps, pipe: Connection, memory: int, raw: Path) -> Exception | None:
    """Send all that there is; None, or why it is not all."""
    try:
        for some in steps():
            pipe.send(some)
    except BrokenPipeError:
        raise
    except MemoryError:
        return IntegrityError(f"{raw}: its reader takes more than {memory >> 20} MB, as of bombs")
    except Exception as error:
        error.add_note(traceback.format_exc())  # the traceback itself cannot be sent
        return error
    return None


def limit_memory(most: int) -> None:
    """Let this process have so many bytes more of its own; files that are mapped do not count."""
    if STATM.exists():
        held = int(STATM.read_text().split()[DATA_PAGES]) * mmap.PAGESIZE
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = held + most if hard == resource.RLIM_INFINITY else min(held + most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
