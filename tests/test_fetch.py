"""Downloads against a server on this machine that does what servers do wrong."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgpipe import fetch
from pgpipe.errors import IntegrityError, LockedError, NetworkError, UsageError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CUT = 300_000


class Server(http.server.ThreadingHTTPServer):
    """`/ranges` resumes, `/whole` does not, `/cut` and `/busy` fail twice, `/wrong` lies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def starts(self) -> list[int]:
        """From which byte on each request asked."""
        return [int((range_ or "=0-")[:-1].partition("=")[2] or 0) for _, range_ in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Range"]))
        again = len(self.server.asked) > 2
        match self.path:
            case "/ranges":
                self.send(CONTENT, len(CONTENT))
            case "/cut":
                self.send(CONTENT, len(CONTENT) if again else CUT)
            case "/whole":
                self.send(CONTENT, len(CONTENT), ranges=False)
            case "/wrong":
                self.send(b"x" * len(CONTENT), len(CONTENT))
            case "/busy" if again:
                self.send(CONTENT, len(CONTENT))
            case "/busy" | "/down":
                self.send_error(503)
            case _:
                self.send_error(404)

    def send(self, content: bytes, most: int, ranges: bool = True) -> None:
        """At most so many bytes of what is asked for, though all are promised."""
        first = int(self.headers["Range"].removeprefix("bytes=")[:-1]) if ranges else 0
        if ranges and first >= len(content):
            return self.send_error(416)
        self.send_response(206 if ranges else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first : first + most])
        return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.001)
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "file"


def get(target: Path, *urls: str) -> list[int]:
    """Fetch; the counts of bytes that were reported."""
    reported: list[int] = []
    fetch.fetch(urls, target, SHA256, reported.append)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return reported


def failure(kind: type[Exception], target: Path, *urls: str) -> str:
    with pytest.raises(kind) as caught:
        fetch.fetch(urls, target, SHA256, lambda _: None)
    assert not target.exists()
    return str(caught.value)


# Whole


@pytest.mark.parametrize("path", ["ranges", "whole"])
def test_file_arrives_and_progress_ends_at_its_size(
    server: Server, target: Path, path: str
) -> None:
    reported = get(target, server.url(path))
    assert reported == sorted(reported)
    assert reported[-1] == len(CONTENT)
    assert len(server.asked) == 1


def test_what_was_there_is_replaced(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"damaged")
    get(target, server.url("ranges"))


# Resumed


def test_dropped_connection_goes_on_where_it_broke(server: Server, target: Path) -> None:
    get(target, server.url("cut"))
    first, second, third = server.starts()
    assert first == 0
    assert CUT - fetch.PIECE_BYTES < second <= CUT
    assert CUT - fetch.PIECE_BYTES < third - second <= CUT


def test_another_process_goes_on_from_what_arrived(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    failure(NetworkError, target, server.url("cut"))
    have = target.with_name("file.part").stat().st_size
    assert CUT - fetch.PIECE_BYTES < have <= CUT
    get(target, server.url("ranges"))
    assert server.starts() == [0, have]


def test_server_without_ranges_starts_anew(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(CONTENT[:CUT])
    get(target, server.url("whole"))


@pytest.mark.parametrize("lying", [b"of another file", CONTENT + b"more", b"x" * len(CONTENT)])
def test_part_of_another_file_is_fetched_again(server: Server, target: Path, lying: bytes) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(lying)
    get(target, server.url("ranges"))


def test_complete_part_is_the_file(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.part").write_bytes(CONTENT)
    get(target, server.url("ranges"))


# Tried again, and elsewhere


def test_busy_server_is_asked_again(server: Server, target: Path) -> None:
    get(target, server.url("busy"))
    assert len(server.asked) == 3


@pytest.mark.parametrize("first", ["nothing", "down", "wrong"])
def test_next_mirror_is_asked(server: Server, target: Path, first: str) -> None:
    get(target, server.url(first), server.url("whole"))


def test_retries_are_bounded(server: Server, target: Path) -> None:
    url = server.url("down")
    message = failure(NetworkError, target, url)
    assert message == f"{url}: 503 Service Unavailable"
    assert len(server.asked) == fetch.ATTEMPTS


def test_missing_file_is_not_asked_for_again(server: Server, target: Path) -> None:
    url = server.url("nothing")
    assert failure(NetworkError, target, url) == f"{url}: 404 Not Found"
    assert len(server.asked) == 1


def test_server_that_is_away_is_a_network_error(server: Server, target: Path) -> None:
    server.shutdown()
    server.server_close()
    message = failure(NetworkError, target, server.url("ranges"))
    assert message.endswith(": ConnectionError")


# Wrong


def test_other_bytes_are_refused_and_dropped(server: Server, target: Path) -> None:
    message = failure(IntegrityError, target, server.url("wrong"), server.url("nothing"))
    assert f"not {SHA256}; " in message
    assert "404" in message
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://"])
def test_other_addresses_are_refused(target: Path, url: str) -> None:
    assert failure(UsageError, target, url) == f"{url!r}: not an http or https address"


def test_two_processes_do_not_write_one_file(server: Server, target: Path) -> None:
    with fetch.alone_in(target.parent):
        failure(LockedError, target, server.url("ranges"))
    get(target, server.url("ranges"))


# A user's own file


def test_own_file_is_copied_after_its_hash(tmp_path: Path, target: Path) -> None:
    own = tmp_path / "own"
    own.write_bytes(CONTENT)
    fetch.copy(own, target, SHA256)
    assert target.read_bytes() == own.read_bytes() == CONTENT


def test_own_file_of_another_hash_is_refused(tmp_path: Path, target: Path) -> None:
    (tmp_path / "own").write_bytes(b"other")
    with pytest.raises(IntegrityError, match=r"own: its SHA-256 is [0-9a-f]{64}, not "):
        fetch.copy(tmp_path / "own", target, SHA256)
    assert not target.exists()


def test_own_file_exists(tmp_path: Path, target: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        fetch.copy(tmp_path, target, SHA256)
