"""One request for the rest of a file, and what its answer has to be before it is written.

Of a file whose hash is known any answer may be the rest: the hash will tell. Else only one whose
server promises by a strong ETag that it belongs to what is there (RFC 9110, 13.1.5: If-Range).
NAME.part.tag keeps the address and the ETag.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from pgpipe.errors import IntegrityError, NetworkError, without_credentials
from pgpipe.plumbing.fetch.wanted import Wanted
from pgpipe.plumbing.unwritable import naming_full_disk

PIECE_BYTES = 1 << 16  # as much at most is lost where a connection breaks
TIMEOUT_SECONDS = (10, 60)  # to connect; between two pieces
SLOWEST_BYTES, SLOW_SECONDS = 1 << 16, 60  # less in so long is no answer
REDIRECTS = 20  # that are followed


class Swapped(requests.RequestException):
    """What a server offers as the rest is not the rest of what is there."""


class TooSlow(requests.RequestException):
    """What arrives would take for ever."""


class StepByStep(requests.Session):
    """Follows no redirection: requests would read the content of each, whatever its size."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Follow no redirect."""
        return None


def receive(url: str, part: Path, wanted: Wanted, arrived: Callable[[int], object]) -> None:
    """Append the rest of a file to `part`; what arrives before the connection breaks stays.

    Raises:
        requests.RequestException: it did not come whole.
        NetworkError: the server has something else.
        IntegrityError: more came than the file has.
    """
    headers = {"Accept-Encoding": "identity", **resuming(url, part, wanted)}
    with answer(url, headers) as response:
        if is_at_end(response, part, wanted):
            return
        response.raise_for_status()
        goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT  # else the whole comes
        if goes_on:
            require_rest(response, part)
        inspect(response, length(part) if goes_on else 0, wanted)
        tag_of(part).write_text(f"{without_credentials(url)}\n{etag(response)}", encoding="utf-8")
        mode, most = "ab" if goes_on else "wb", wanted.size or wanted.most
        with naming_full_disk(part, wanted.size), part.open(mode) as file:
            for piece in pieces(response):
                if most and file.tell() + len(piece) > most:
                    raise IntegrityError(f"{url}: more than {most} bytes")
                file.write(piece)
                arrived(file.tell())
            os.fsync(file.fileno())


def answer(url: str, headers: Mapping[str, str]) -> requests.Response:
    """A server's answer, to be read, behind its redirections.

    Raises:
        NetworkError: from https to http.
    """
    with StepByStep() as session:
        for _ in range(REDIRECTS):
            response = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
            place = requests.Session.get_redirect_target(session, response)
            if place is None:
                return response
            response.close()
            before, url = response.url, urljoin(response.url, place)
            if (urlsplit(before).scheme, urlsplit(url).scheme) == ("https", "http"):
                raise NetworkError(f"{url}: redirected from https to http")
    raise requests.TooManyRedirects


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The content as it arrives, packed if the server has packed it.

    Raises:
        TooSlow: too little came for too long.
    """
    since, count = time.monotonic(), 0
    try:
        while piece := response.raw.read1(PIECE_BYTES, decode_content=False):
            yield piece
            count += len(piece)
            if count >= SLOWEST_BYTES:
                since, count = time.monotonic(), 0
            elif time.monotonic() - since > SLOW_SECONDS:
                raise TooSlow(f"less than {SLOWEST_BYTES} bytes in {SLOW_SECONDS} s")
    except HTTPError as error:
        raise requests.ConnectionError from error


def length(part: Path) -> int:
    """The bytes that have arrived."""
    return part.stat().st_size if part.exists() else 0


def drop(part: Path) -> None:
    """Forget what has arrived."""
    part.unlink(missing_ok=True)
    tag_of(part).unlink(missing_ok=True)


def tag_of(part: Path) -> Path:
    """The file that says what a part is of."""
    return part.with_name(f"{part.name}.tag")


def read_tag(part: Path) -> tuple[str, str]:
    """The address that a part is from, and its ETag there; "" where it has none."""
    if not tag_of(part).exists():
        return "", ""
    url, _, tag = tag_of(part).read_text(encoding="utf-8").partition("\n")
    return url, tag


def etag(response: requests.Response) -> str:
    """What a server calls this version of the file, to the byte, or ""."""
    tag = response.headers.get("ETag", "")
    return "" if tag.startswith("W/") else tag


def resuming(url: str, part: Path, wanted: Wanted) -> dict[str, str]:
    """The headers that ask for the rest of a part; none where the file has to come anew."""
    known_url, tag = read_tag(part)
    same = tag if known_url == without_credentials(url) else ""
    if not length(part) or not (same or wanted.has_hash):
        return {}
    return {"Range": f"bytes={length(part)}-", **({"If-Range": same} if same else {})}


def is_at_end(response: requests.Response, part: Path, wanted: Wanted) -> bool:
    """Whether nothing is lacking, as the server says; without a hash the length has to agree."""
    if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not part.exists():
        return False
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if not wanted.has_hash and total != str(length(part)):
        drop(part)
        raise Swapped("the file changed while it was fetched")
    return True


def require_rest(response: requests.Response, part: Path) -> None:
    """Drop the part and raise Swapped for the rest of another version, or of another place."""
    _, known = read_tag(part)
    if "If-Range" in response.request.headers and etag(response) not in ("", known):
        reason = "the file changed while it was fetched"
    elif not response.headers.get("Content-Range", "").startswith(f"bytes {length(part)}-"):
        reason = "another part of the file came than was asked for"
    else:
        return
    drop(part)
    raise Swapped(reason)


def inspect(response: requests.Response, have: int, wanted: Wanted) -> None:
    """Refuse an answer that cannot be (the rest of) the file before any of it is written."""
    url = response.url
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise NetworkError(f"{url}: a page (text/html), not the file")
    rest = response.headers.get("Content-Length", "")
    if wanted.size and rest.isdecimal() and have + int(rest) != wanted.size:
        raise NetworkError(f"{url}: {have + int(rest)} bytes, not {wanted.size}")
    if not (rest or wanted.size or wanted.has_hash or response.raw.chunked):
        raise NetworkError(f"{url}: neither its server nor its publisher says how long it is")
