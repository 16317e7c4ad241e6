"""Large files from the network or from a user: known by their hash, there whole or not at all.

What has arrived of NAME lies in NAME.part; the next attempt goes on from there, whichever process
makes it and whichever mirror it asks.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import requests

from pgpipe.errors import IntegrityError, LockedError, NetworkError, UsageError
from pgpipe.files import copy as copy_file
from pgpipe.files import raise_if_full, sha256_file, sync_folder

ATTEMPTS = 5  # at each mirror
WAIT_SECONDS = 1.0  # after the first failure; twice as long after each further one
PIECE_BYTES = 1 << 16  # as much at most is lost where a connection breaks
TIMEOUT_SECONDS = (10, 60)  # to connect; between two pieces
BUSY = {408, 429, 500, 502, 503, 504}  # answers that may be others the next time

Report = Callable[[int], object]  # is told the bytes that have arrived


def fetch(urls: Iterable[str], target: Path, sha256: str, report: Report) -> None:
    """Make `target` the file of hash `sha256` that one of `urls` serves, tried in this order.

    Raises:
        NetworkError: none served anything, after bounded retries.
        IntegrityError: what they served has another hash.
        LockedError: another process fetches into the same folder.
    """
    part = target.with_name(f"{target.name}.part")
    failures: list[NetworkError | IntegrityError] = []
    with alone_in(target.parent):
        for url in urls:
            try:
                obtain(url, part, sha256, report)
                part.replace(target)
                return sync_folder(target.parent)
            except (NetworkError, IntegrityError) as error:
                failures.append(error)
    worst = max(failures, key=lambda error: isinstance(error, IntegrityError))
    raise type(worst)("; ".join(map(str, failures)))


def copy(source: Path, target: Path, sha256: str) -> None:
    """Make `target` a copy of `source`, if that is the file of hash `sha256`."""
    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    require(source, sha256, str(source))
    copy_file(source, target)


def require(path: Path, sha256: str, source: str) -> None:
    """Raise an IntegrityError about `source` where `path` has another hash."""
    found = sha256_file(path)
    if found != sha256:
        raise IntegrityError(f"{source}: its SHA-256 is {found}, not {sha256}")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder, made if need be, for this process; the lock dies with it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"{folder}: another process fetches into it") from None
        yield
    finally:
        os.close(descriptor)


def obtain(url: str, part: Path, sha256: str, report: Report) -> None:
    """Complete `part` from `url`, and drop it where its hash is another."""
    resumed = part.exists()
    download(url, part, report)
    try:
        require(part, sha256, url)
    except IntegrityError:
        part.unlink()
        if not resumed:
            raise
        obtain(url, part, sha256, report)  # what lay there may have been of another file


def download(url: str, part: Path, report: Report) -> None:
    """Append to `part` what it lacks, trying again where that may help."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT_SECONDS * 2 ** (attempt - 1))
        try:
            return receive(url, part, report)
        except ValueError:  # requests' complaint about an address
            raise UsageError(f"{url!r}: not an http or https address") from None
        except requests.RequestException as error:
            reason = describe(error)
            if error.response is not None and error.response.status_code not in BUSY:
                break
    raise NetworkError(f"{url}: {reason}")


def receive(url: str, part: Path, report: Report) -> None:
    """One request for the rest of a file; what arrives before it fails stays in `part`."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking; the hash will tell
        response.raise_for_status()
        goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT  # else it is the whole file
        try:
            append(part, response.iter_content(PIECE_BYTES), "ab" if goes_on else "wb", report)
        except OSError as error:
            raise_if_full(error, part, int(response.headers.get("Content-Length", 0)))
            raise


def append(part: Path, chunks: Iterable[bytes], mode: str, report: Report) -> None:
    """Write chunks to `part`, opened in `mode`."""
    with part.open(mode) as file:
        for chunk in chunks:
            file.write(chunk)
            report(file.tell())
        os.fsync(file.fileno())


def describe(error: requests.RequestException) -> str:
    """What went wrong, in a few words."""
    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    return type(error).__name__
