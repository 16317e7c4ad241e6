"""One file from the first mirror that serves it, once for all processes that want it.

What has arrived of NAME lies in NAME.part; the next attempt goes on from there, whichever process
makes it. Of a file whose hash nobody states, the hash of what came first is kept in NAME.sha256.
Libraries that verify (pooch) neither resume nor wait as a server asks, and those that resume
(huggingface_hub) know one hub; hence this package.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

from pgpipe.errors import IntegrityError, NetworkError
from pgpipe.plumbing.fetch.answers import drop, length
from pgpipe.plumbing.fetch.transfer import Report, download
from pgpipe.plumbing.fetch.wanted import Wanted, require
from pgpipe.plumbing.files import sync_folder, write_bytes
from pgpipe.plumbing.hashes import sha256_file


def fetch(urls: Iterable[str], target: Path, wanted: Wanted, report: Report) -> None:
    """Make `target` the file that one of `urls` serves, tried in this order; once is enough.

    Processes that want a file of the same folder wait for one another.

    Raises:
        NetworkError: none served it, after bounded retries.
        IntegrityError: what they served is another file.
    """
    part = target.with_name(f"{target.name}.part")
    failures: list[NetworkError | IntegrityError] = []
    with alone_in(target.parent, report):
        if is_there(target, wanted):
            return
        for url in urls:
            try:
                obtain(url, part, wanted, report)
                accept(part, target, wanted)
                return
            except (NetworkError, IntegrityError) as error:
                failures.append(error)
    worst = max(failures, key=lambda error: isinstance(error, IntegrityError))
    raise type(worst)("; ".join(map(str, failures)))


def is_there(target: Path, wanted: Wanted) -> bool:
    """Whether `target` is the wanted file; without a SHA-256, the one that was fetched first."""
    record = record_of(target)
    if not wanted.sha256 and record.is_file():
        wanted = wanted._replace(sha256=record.read_text(encoding="utf-8").partition(" ")[0])
    try:
        require(target, wanted, str(target))
    except (FileNotFoundError, IntegrityError):
        return False
    return wanted.has_hash


def record_of(target: Path) -> Path:
    """The file that keeps the hash of `target`, as sha256sum writes and checks it."""
    return target.with_name(f"{target.name}.sha256")


@contextmanager
def alone_in(folder: Path, report: Report) -> Iterator[None]:
    """Hold a folder, made if need be, for this process; the lock dies with it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not lock_descriptor(descriptor, blocking=False):
            report(0, "waiting for the process that fetches it")
            lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)


def obtain(url: str, part: Path, wanted: Wanted, report: Report) -> None:
    """Complete `part` from `url`; what was pieced together wrongly is fetched anew, once."""
    for anew in (False, True):
        pieced = length(part) > 0
        try:
            pieced |= download(url, part, wanted, report)
            require(part, wanted, url)
            return
        except IntegrityError:
            drop(part)
            if anew or not pieced:
                raise


def accept(part: Path, target: Path, wanted: Wanted) -> None:
    """Give a complete file its name; keep its hash where nobody states it."""
    if not wanted.sha256:
        line = f"{sha256_file(part)}  {target.name}\n"
        write_bytes(record_of(target), line.encode())
    part.replace(target)
    drop(part)
    sync_folder(target.parent)
