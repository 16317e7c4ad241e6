"""pgpipe explore: the page on this machine, whose pictures PyTorch draws."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import free_port
from specs import network_spec
from tinynets import generator

from pgpipe.drawing import browser, seeds, serving
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError
from pgpipe.gan.sampling import save_generator


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = generator(network_spec(classes=3, channels=1), 16).requires_grad_(False)
    path = tmp_path_factory.mktemp("served") / "generator.safetensors"
    save_generator(path, made, row={"kimg": 1.0}, precision="fp32", labels=["a", "</script>", "c"])
    return path


@pytest.fixture(scope="module")
def explored(file: Path) -> Iterator[int]:
    """The port of a running `pgpipe explore`."""
    port = free_port()
    command = [sys.executable, "-m", "pgpipe", "explore", str(file), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == f"http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"
    yield port
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def ask(port: int, method: str, path: str, body: Any = None, host: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(serving.HOST, port, timeout=60)
    headers = {"Content-Type": "application/json", "Host": host or f"{serving.HOST}:{port}"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.slow
def test_the_page_is_served_and_gets_what_generate_draws(explored: int, file: Path) -> None:
    status, page = ask(explored, "GET", "/")
    assert status == 200
    assert b"connect-src 'self'" in page
    assert b'"served": true' in page
    assert len(page) < 40_000, "without weights"
    made = generator(network_spec(classes=3, channels=1), 16).requires_grad_(False)
    z, labels = seeds.latents(made, [7]), seeds.labels(made, [7])
    shares = seeds.shares(made, labels)
    assert shares is not None
    wish = {"z": z[0].tolist(), "shares": shares[0].tolist()}
    status, data = ask(explored, "POST", "/draw", wish)
    assert status == 200
    rgba = np.frombuffer(data, np.uint8).reshape(16, 16, 4)
    expected = next(iter(seeds.draw(made, z, labels)))[0].astype(int)
    assert abs(rgba[..., :3] - expected).max() <= 1
    assert (rgba[..., 3] == 255).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wish", "host", "status"),
    [
        ({"z": [0.0], "shares": [1.0, 0.0, 0.0]}, "", 422),
        ({"z": ["NaN"], "shares": []}, "", 422),
        ({"z": "x"}, "", 422),
        ([], "", 422),
        ({"z": [0.0], "shares": []}, "evil.example", 400),
    ],
)
def test_what_is_no_wish_of_the_page_is_refused(
    explored: int, wish: Any, host: str, status: int
) -> None:
    assert ask(explored, "POST", "/draw", wish, host)[0] == status


def test_a_port_in_use_is_refused() -> None:
    told = r"^--port: \d+: Address already in use; name another"
    with serving.listening(free_port()) as opened, pytest.raises(UsageError, match=told):
        serving.listening(opened.getsockname()[1])


def test_an_exported_page_connects_to_nothing() -> None:
    made = generator(network_spec(), 8).requires_grad_(False)
    page = browser.page(Trained(made, []), "t", "a").decode()
    assert "connect-src 'none'" in page
    assert '"served": false' in page
