"""What a tracking server may answer: MLflow itself waits and reads without end."""

import time
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter

ANSWER_BYTES = 32 << 20  # unpacked; of a thousand runs they are fewer
ANSWER_S = 60.0  # MLFLOW_HTTP_REQUEST_TIMEOUT is for what comes next, if only a byte
PIECE_BYTES = 1 << 16

plain_send = HTTPAdapter.send


def bound() -> None:
    """Have every answer end that `requests` reads as a whole, as MLflow has it read them."""
    HTTPAdapter.send = send  # type: ignore[method-assign]


def send(self: HTTPAdapter, *given: Any, **options: Any) -> requests.Response:
    """Send a request; the content of its answer comes by `pieces`, or not at all."""
    response = plain_send(self, *given, **options)
    if not options.get("stream"):
        response.iter_content = lambda *_: pieces(response)  # type: ignore[assignment, method-assign]
    return response


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the content of an answer as it comes.

    Raises:
        requests.ConnectionError: it is too long, or takes too long.
    """
    size, end = 0, time.monotonic() + ANSWER_S
    while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
        yield piece
        size += len(piece)
        if size > ANSWER_BYTES or time.monotonic() > end:
            response.close()
            raise requests.ConnectionError(
                f"an answer without end ({size} bytes in {ANSWER_S + time.monotonic() - end:.0f} s)"
            )
