"""A server on this machine that serves files, and does what servers do wrong."""

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Served(NamedTuple):
    """A file and its server's faults."""

    content: bytes
    most: int = 1 << 40  # bytes of an answer, whatever was promised
    fails: int = 1 << 40  # so many answers have the faults, the others none
    ranges: bool = True
    etag: str = ""
    length: int | None = None  # promised instead of what there is
    status: int = 0  # instead of the file
    headers: tuple[tuple[str, str], ...] = ()
    later: bytes | None = None  # the content after the first answer


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by their paths; keeps what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def serve(self, path: str, content: bytes, **faults: object) -> str:
        """Serve a file; its address."""
        self.files[path] = Served(content, **faults)  # type: ignore[arg-type]
        return self.url(path)

    def starts(self) -> list[int]:
        """From which byte on each request asked."""
        return [int((range_ or "=0-")[:-1].partition("=")[2] or 0) for _, range_ in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = self.path[1:]
        self.server.asked.append((path, self.headers["Range"]))
        file = self.server.files.get(path) or Served(b"", status=404)
        before = sum(asked == path for asked, _ in self.server.asked) - 1
        if before and file.later is not None:
            file = file._replace(content=file.later, etag=file.etag and file.etag[:-1] + '2"')
        if before >= file.fails:
            file = Served(file.content, etag=file.etag, ranges=file.ranges)
        self.answer(file)

    def answer(self, file: Served) -> None:
        if file.status:
            self.send_response(file.status)
            self.finish_headers(file, 0)
            return
        asked = self.headers["Range"] if file.ranges else None
        if self.headers["If-Range"] not in (None, file.etag):
            asked = None
        first = int(asked.removeprefix("bytes=")[:-1]) if asked else 0
        if first and first >= len(file.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(file.content)}")
            self.finish_headers(file, 0)
            return
        self.send_response(206 if asked else 200)
        if asked:
            last = len(file.content) - 1
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(file.content)}")
        self.finish_headers(file, len(file.content) - first)
        self.wfile.write(file.content[first : first + file.most])

    def finish_headers(self, file: Served, length: int) -> None:
        if file.length != -1:
            self.send_header("Content-Length", str(length if file.length is None else file.length))
        for header in file.headers:
            self.send_header(*header)
        if file.etag:
            self.send_header("ETag", file.etag)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server for the length of a test."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()
