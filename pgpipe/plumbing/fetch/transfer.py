"""The rest of a file from one address, as often as it takes and helps."""

import socket
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests

from pgpipe.errors import NetworkError, UsageError
from pgpipe.plumbing.fetch.answers import Swapped, TooSlow, length, receive
from pgpipe.plumbing.fetch.wanted import Wanted

ATTEMPTS = 5  # in a row without progress
WAIT_SECONDS = 1.0  # after the first failure; twice as long after each further one
LONGEST_WAIT_SECONDS = 120.0  # that a server may ask for
PROGRESS_BYTES = 1 << 20  # as much makes up for a failure
BUSY = {408, 429, 500, 502, 503, 504}  # answers that may be others the next time

Report = Callable[[int, str], object]  # is told the bytes that have arrived, and what goes on


def download(url: str, part: Path, wanted: Wanted, report: Report) -> bool:
    """Append to `part` what it lacks; whether it is of several pieces.

    Raises:
        NetworkError: it cannot be had there.
        IntegrityError: it is longer than it may be.
        UsageError: `url` is no web address.
    """
    require_web_address(url)
    failures = 0
    while True:
        before = length(part)
        try:
            receive(url, part, wanted, lambda arrived: report(arrived, ""))
        except requests.RequestException as error:
            failures = 1 if length(part) >= before + PROGRESS_BYTES else failures + 1
            wait = patience(error, failures)
            if wait is None:
                raise NetworkError(f"{url}: {describe(error)}") from None
            report(length(part), f"{describe(error)}, again in {wait:.0f} s")
        else:
            return before > 0
        time.sleep(wait)


def require_web_address(url: str) -> None:
    """Raise a UsageError for anything else than http://HOST and https://HOST."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r}: not an http or https address")


def patience(error: requests.RequestException, failures: int) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    status = error.response.status_code if error.response is not None else None
    hopeless = isinstance(error, ValueError) or is_unknown_host(error)
    if failures == ATTEMPTS or hopeless or (status is not None and status not in BUSY):
        return None
    asked = retry_after(error)
    return None if asked > LONGEST_WAIT_SECONDS else max(asked, WAIT_SECONDS * 2 ** (failures - 1))


def retry_after(error: requests.RequestException) -> float:
    """The seconds that a server asks to wait (RFC 9110, 10.2.3: a number or a date), or 0."""
    text = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def is_unknown_host(error: BaseException | None) -> bool:
    """Whether the host's name has no address, as is so without a network."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__context__
    return error is not None


def describe(error: requests.RequestException) -> str:
    """What went wrong, in a few words."""
    if error.response is not None and error.response.status_code >= HTTPStatus.BAD_REQUEST:
        asked = retry_after(error)
        wait = f", asks to wait {asked:.0f} s" if asked > LONGEST_WAIT_SECONDS else ""
        return f"{error.response.status_code} {error.response.reason}{wait}"
    if isinstance(error, (Swapped, TooSlow)):
        return str(error)
    if isinstance(error, ValueError):  # requests' complaint about an address
        return "redirected to what is no http or https address"
    if is_unknown_host(error):
        return "no such host, or no network"
    return type(error).__name__
