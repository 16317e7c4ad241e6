"""Downloads against a server on this machine that does what servers do wrong."""

import contextlib
import gzip
import hashlib
import http.server
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis.strategies import sampled_from, text
from loopback import Server

from pgpipe.errors import IntegrityError, NetworkError, UsageError, printable
from pgpipe.plumbing.fetch import answers, mirrors, transfer
from pgpipe.plumbing.fetch.wanted import Wanted, copy

CONTENT = bytes(range(256)) * 4000
OTHER = CONTENT[:1000] + bytes(len(CONTENT) - 1000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324 - what publishers state
HASHED, SIZED, NOTHING = Wanted(sha256=SHA256), Wanted(size=len(CONTENT)), Wanted()
WHOLE = Wanted(SHA256, "", len(CONTENT))
CUT = 300_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "file"


@pytest.fixture
def part(target: Path) -> Path:
    target.parent.mkdir()
    return target.with_name("file.part")


def get(target: Path, *urls: str, wanted: Wanted = HASHED) -> list[int]:
    """Fetch; the counts of bytes that were reported."""
    reported: list[int] = []
    mirrors.fetch(urls, target, wanted, lambda arrived, _: reported.append(arrived))
    assert target.read_bytes() == CONTENT
    left = {path.name for path in target.parent.iterdir()}
    assert left == ({"file"} if wanted.sha256 else {"file", "file.sha256"})
    return reported


def failure(kind: type[Exception], target: Path, *urls: str, wanted: Wanted = HASHED) -> str:
    with pytest.raises(kind) as caught:
        mirrors.fetch(urls, target, wanted, lambda *_: None)
    assert not target.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Whole


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("wanted", [HASHED, SIZED, WHOLE, NOTHING, Wanted(md5=MD5)])
def test_file_arrives_and_progress_ends_at_its_size(
    server: Server, target: Path, ranges: bool, wanted: Wanted
) -> None:
    reported = get(target, server.serve("x", CONTENT, ranges=ranges), wanted=wanted)
    assert reported == sorted(reported)
    assert reported[-1] == len(CONTENT)
    assert len(server.asked) == 1


@pytest.mark.parametrize("wanted", [HASHED, NOTHING, Wanted(md5=MD5)])
def test_what_is_there_is_verified_and_not_fetched_again(
    server: Server, target: Path, wanted: Wanted
) -> None:
    for damage in (False, False, True):
        if damage:
            target.write_bytes(OTHER)
        get(target, server.serve("x", CONTENT), wanted=wanted)
    assert len(server.asked) == 2, "the first time, and where it was damaged"


def test_hash_that_nobody_states_is_kept_as_sha256sum_writes_it(
    server: Server, target: Path
) -> None:
    get(target, server.serve("x", CONTENT), wanted=Wanted(md5=MD5))
    assert target.with_name("file.sha256").read_text() == f"{SHA256}  file\n"


def test_processes_that_want_one_file_share_one_download(server: Server, target: Path) -> None:
    url, said = server.serve("x", CONTENT), threading.Event()
    second = threading.Thread(
        target=mirrors.fetch, args=([url], target, HASHED, lambda *_: said.set())
    )
    with mirrors.alone_in(target.parent, lambda *_: None):
        second.start()
        assert said.wait(10), "that it waits"
        assert not server.asked
    second.join()
    get(target, url)
    assert len(server.asked) == 1


# Resumed


@pytest.mark.parametrize("wanted", [HASHED, WHOLE, Wanted(md5=MD5)])
@pytest.mark.parametrize("etag", ["", '"1"', 'W/"1"'])
def test_dropped_connection_goes_on_where_it_broke(
    server: Server, target: Path, wanted: Wanted, etag: str
) -> None:
    get(target, server.serve("x", CONTENT, most=CUT, fails=2, etag=etag), wanted=wanted)
    first, second, third = server.starts()
    assert first == 0
    assert CUT - answers.PIECE_BYTES < second <= CUT
    assert CUT - answers.PIECE_BYTES < third - second <= CUT


@pytest.mark.parametrize(("etag", "resumes"), [('"1"', True), ('W/"1"', False), ("", False)])
def test_without_a_hash_only_a_strong_etag_lets_it_go_on(
    server: Server, target: Path, etag: str, resumes: bool
) -> None:
    get(target, server.serve("x", CONTENT, most=CUT, fails=1, etag=etag), wanted=NOTHING)
    assert (server.starts()[1] > 0) == resumes


@pytest.mark.parametrize("cut", [0, 1, 2, 65_535, 65_536, 65_537, len(CONTENT) - 1])
@pytest.mark.parametrize("wanted", [HASHED, NOTHING])
def test_drop_at_any_byte(server: Server, target: Path, cut: int, wanted: Wanted) -> None:
    get(target, server.serve("x", CONTENT, most=cut, fails=2, etag='"1"'), wanted=wanted)


def test_many_drops_are_no_failure_while_the_file_grows(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PROGRESS_BYTES", 1000)
    get(target, server.serve("x", CONTENT, most=100_000))
    assert len(server.asked) > 2 * transfer.ATTEMPTS


def test_another_process_goes_on_from_what_arrived(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    failure(NetworkError, target, server.serve("x", CONTENT, most=CUT, fails=1))
    have = target.with_name("file.part").stat().st_size
    assert CUT - answers.PIECE_BYTES < have <= CUT
    get(target, server.url("x"))
    assert server.starts() == [0, have]


def test_server_without_ranges_starts_anew(server: Server, target: Path, part: Path) -> None:
    part.write_bytes(CONTENT[:CUT])
    get(target, server.serve("x", CONTENT, ranges=False))


@pytest.mark.parametrize("wanted", [HASHED, WHOLE, NOTHING])
@pytest.mark.parametrize("lying", [b"of another file", CONTENT + b"more", b"x" * len(CONTENT)])
def test_part_of_another_file_is_fetched_again(
    server: Server, target: Path, part: Path, lying: bytes, wanted: Wanted
) -> None:
    part.write_bytes(lying)
    get(target, server.serve("x", CONTENT), wanted=wanted)


def test_complete_part_is_the_file(server: Server, target: Path, part: Path) -> None:
    part.write_bytes(CONTENT)
    get(target, server.serve("x", CONTENT))
    assert server.starts() == [len(CONTENT)]


@pytest.mark.parametrize("etag", ["", '"1"'])
@pytest.mark.parametrize("wanted", [HASHED, SIZED, NOTHING, Wanted(md5=MD5)])
def test_content_that_is_swapped_during_a_resume_is_not_mixed(
    server: Server, target: Path, etag: str, wanted: Wanted
) -> None:
    """The server has the file only from its second answer on."""
    url = server.serve("x", OTHER[::-1], most=CUT, fails=1, etag=etag, later=CONTENT)
    get(target, url, wanted=wanted)


def test_server_that_ignores_if_range_is_found_out_by_its_etag(
    server: Server, target: Path, part: Path
) -> None:
    url = server.serve("x", CONTENT, etag='"new"')
    part.write_bytes(OTHER[:CUT])
    answers.tag_of(part).write_text(f'{url}\n"old"')
    with pytest.MonkeyPatch.context() as patch:  # asks without the condition
        patch.setattr(
            answers, "resuming", lambda *_: {"Range": f"bytes={CUT}-", "If-Range": '"new"'}
        )
        with pytest.raises(answers.Swapped):
            answers.receive(url, part, NOTHING, lambda _: None)
    assert not part.exists()
    get(target, url, wanted=NOTHING)


def test_another_part_than_was_asked_for_is_not_appended(
    server: Server, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT[:CUT])
    wrong = (("Content-Range", "bytes 5-9/10"),)
    get(target, server.serve("x", CONTENT, status=206, headers=wrong, fails=1))
    assert server.starts() == [CUT, 0]


# Tried again, and elsewhere


@pytest.mark.parametrize("status", sorted(transfer.BUSY))
def test_busy_server_is_asked_again(server: Server, target: Path, status: int) -> None:
    get(target, server.serve("x", CONTENT, status=status, fails=2))
    assert len(server.asked) == 3


@pytest.mark.parametrize("after", ["7", "Wed, 21 Oct 2065 07:28:07 GMT"])
def test_retry_after_is_obeyed(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    slept: list[float] = []
    now = 3_023_335_680.0  # 2065-10-21 07:28:00
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "time", lambda: now)
    headers = (("Retry-After", after),)
    get(target, server.serve("x", CONTENT, status=429, fails=1, headers=headers))
    assert slept == [7]


def test_server_that_asks_to_wait_for_hours_is_left(server: Server, target: Path) -> None:
    headers = (("Retry-After", "7200"),)
    url = server.serve("x", CONTENT, status=503, headers=headers)
    assert failure(NetworkError, target, url).endswith(
        "503 Service Unavailable, asks to wait 7200 s"
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404},
        {"status": 503},
        {"content": OTHER},
        {"headers": (("Content-Type", "text/html; charset=utf-8"),)},
        {"status": 302, "headers": (("Location", "file:///etc/passwd"),)},
    ],
)
def test_next_mirror_is_asked(server: Server, target: Path, fault: dict[str, object]) -> None:
    get(target, server.serve("x", **{"content": CONTENT, **fault}), server.serve("y", CONTENT))  # type: ignore[arg-type]


def test_retries_are_bounded(server: Server, target: Path) -> None:
    url = server.serve("x", b"", status=503)
    assert failure(NetworkError, target, url) == f"{url}: 503 Service Unavailable"
    assert len(server.asked) == transfer.ATTEMPTS


def test_missing_file_is_not_asked_for_again(server: Server, target: Path) -> None:
    url = server.url("nothing")
    assert failure(NetworkError, target, url) == f"{url}: 404 Not Found"
    assert len(server.asked) == 1


def test_server_that_is_away_is_a_network_error(server: Server, target: Path) -> None:
    server.shutdown()
    server.server_close()
    assert failure(NetworkError, target, server.url("x")).endswith(": ConnectionError")


def test_machine_without_network_is_told_at_once(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    url = "http://nowhere.invalid/x"  # RFC 6761: has no address anywhere
    assert failure(NetworkError, target, url) == f"{url}: no such host, or no network"


# Wrong


def test_other_bytes_are_refused_and_dropped(server: Server, target: Path) -> None:
    url = server.serve("x", OTHER)
    message = failure(IntegrityError, target, url, server.url("nothing"))
    assert f"not {SHA256}; " in message
    assert "404" in message
    assert not list(target.parent.iterdir())
    assert len(server.asked) == 2, "what came whole is not asked for again"


@pytest.mark.parametrize("wanted", [WHOLE, SIZED])
@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b""])
def test_wrong_length_is_refused_before_it_is_fetched(
    server: Server, target: Path, content: bytes, wanted: Wanted
) -> None:
    message = failure(NetworkError, target, server.serve("x", content), wanted=wanted)
    assert message.endswith(f": {len(content)} bytes, not {len(CONTENT)}")
    assert not list(target.parent.iterdir())


def test_stream_without_end_is_left_at_the_length(server: Server, target: Path) -> None:
    url = server.serve("x", CONTENT * 9, length=-1)
    message = failure(IntegrityError, target, url, wanted=WHOLE)
    assert message.endswith(f"more than {len(CONTENT)} bytes")


def test_file_whose_end_nobody_knows_is_refused(server: Server, target: Path) -> None:
    url = server.serve("x", CONTENT[:CUT], length=-1)
    assert "says how long it is" in failure(NetworkError, target, url, wanted=NOTHING)


@pytest.mark.parametrize("wanted", [HASHED, NOTHING])
def test_page_instead_of_the_file_is_refused_and_keeps_what_arrived(
    server: Server, target: Path, part: Path, wanted: Wanted
) -> None:
    part.write_bytes(CONTENT[:CUT])
    url = server.serve("x", b"<html>", headers=(("Content-Type", "text/html"),), ranges=False)
    assert failure(NetworkError, target, url, wanted=wanted).endswith("(text/html), not the file")
    assert part.read_bytes() == CONTENT[:CUT]


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x"])
def test_redirect_to_another_scheme_is_refused(server: Server, target: Path, place: str) -> None:
    url = server.serve("x", b"", status=302, headers=(("Location", place),))
    assert failure(NetworkError, target, url).endswith("what is no http or https address")
    assert len(server.asked) == 1


def test_redirect_is_followed_and_a_circle_is_not(server: Server, target: Path) -> None:
    server.serve("circle", b"", status=302, headers=(("Location", "/circle"),))
    assert failure(NetworkError, target, server.url("circle")).endswith("TooManyRedirects")
    server.serve("y", CONTENT)
    get(target, server.serve("x", b"", status=302, headers=(("Location", "/y"),)))


def test_redirect_from_https_to_http_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    step = requests.Response()
    step.url, step.headers["Location"], step.status_code = "https://a/x", "http://a/x", 302
    step.raw = io.BytesIO()
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: step)
    with pytest.raises(NetworkError, match="redirected from https to http"):
        answers.answer("https://a/x", {})


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://127.0.0.1/x", "file:///x", "http://", "http://[1"]
)
def test_other_addresses_are_refused(target: Path, url: str) -> None:
    assert failure(UsageError, target, url) == f"{url!r}: not an http or https address"


# A user's own file


def test_own_file_is_copied_after_its_hash(tmp_path: Path, target: Path) -> None:
    own = tmp_path / "own"
    own.write_bytes(CONTENT)
    copy(own, target, HASHED)
    assert target.read_bytes() == own.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [(HASHED, "its SHA-256 is [0-9a-f]{64}, not "), (Wanted(md5=MD5), "its MD5 is [0-9a-f]{32}, "),
     (SIZED, "5 bytes, not 1024000")],
)  # fmt: skip
def test_own_file_that_is_another_is_refused(
    tmp_path: Path, target: Path, wanted: Wanted, reason: str
) -> None:
    (tmp_path / "own").write_bytes(b"other")
    with pytest.raises(IntegrityError, match=f"own: {reason}"):
        copy(tmp_path / "own", target, wanted)
    assert not target.exists()


def test_own_file_exists(tmp_path: Path, target: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        copy(tmp_path, target, HASHED)


# Answers without end, and what an address says of its user


class Endless(http.server.BaseHTTPRequestHandler):
    """Serves much more than anybody has asked for, as its path says."""

    sent = 0

    def do_GET(self) -> None:
        kind = self.path[1:].partition("?")[0]
        self.send_response(302 if kind == "redirect" else 200)
        if kind == "redirect":
            self.send_header("Location", "/whole")
        if kind == "packed":
            self.send_header("Content-Encoding", "gzip")
        if kind in ("whole", "drip"):
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if kind == "whole":
                self.wfile.write(CONTENT)
                return
            block = gzip.compress(bytes(64 << 20)) if kind == "packed" else bytes(1 << 16)
            while Endless.sent < 200 << 20:
                self.wfile.write(block[:1] if kind == "drip" else block)
                Endless.sent += len(block)
                time.sleep(0.05 if kind == "drip" else 0)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of such a server."""
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.001)
    Endless.sent = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("wanted", [WHOLE, SIZED, Wanted(SHA256, most=2_000_000)])
@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_answer_without_end_is_left_at_what_is_known_of_the_size(
    endless: str, target: Path, wanted: Wanted, kind: str
) -> None:
    most = wanted.size or wanted.most
    message = failure(IntegrityError, target, f"{endless}/{kind}", wanted=wanted)
    assert message.endswith(f"/{kind}: more than {most} bytes")
    assert Endless.sent < 40 << 20  # what the system holds of it
    assert not list(target.parent.iterdir())


def test_redirect_without_end_is_not_read(endless: str, target: Path) -> None:
    get(target, f"{endless}/redirect")
    assert Endless.sent < 40 << 20


def test_answer_that_drips_is_left(
    endless: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    start = time.monotonic()
    message = failure(NetworkError, target, f"{endless}/drip")
    assert message.endswith(": less than 65536 bytes in 0.1 s")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("fault", [{"status": 404}, {"most": 1000}, {"content": OTHER}])
def test_passwords_and_tokens_are_neither_told_nor_kept(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    server.serve("x?access_token=secret", **{"content": CONTENT, "etag": '"1"', **fault})  # type: ignore[arg-type]
    url = server.url("x?access_token=secret").replace("://", "://me:se/cret@")
    kind = IntegrityError if "content" in fault else NetworkError
    told = printable(failure(kind, target, url.replace("se/cret", "secret")))
    kept = b"".join(path.read_bytes() for path in target.parent.glob("*.tag"))
    assert b"//127.0.0.1" in kept or "most" not in fault
    assert "cret" not in told + kept.decode()
    assert "//127.0.0.1" in told
    assert "cret" not in printable(url)


@given(
    text(max_size=30) | sampled_from(["9" * 400, "-5", "Wed, 21 Oct 99999 07:28:00 GMT", "1e9"]),
    sampled_from(["Retry-After", "Content-Range", "Content-Length", "ETag", "Location"]),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_header_is_an_answer_or_an_error(value: str, name: str) -> None:
    """What is made of it is one line."""
    response = requests.Response()
    response.status_code, response.url, response.headers[name] = 503, "http://x", value
    response.request = requests.Request("GET", "http://x").prepare()
    response.raw = urllib3.HTTPResponse(headers={})
    error = requests.HTTPError(response=response)
    assert transfer.patience(error, 1) is None or transfer.patience(error, 1) <= 120  # type: ignore[operator]
    assert transfer.describe(error)
    with contextlib.suppress(NetworkError, IntegrityError):
        answers.inspect(response, 0, WHOLE)
    with contextlib.suppress(answers.Swapped):
        answers.require_rest(response, Path("none"))
