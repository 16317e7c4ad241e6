import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from pgpipe.errors import UsageError
from pgpipe.tracking.ui import answers, serve


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_in_use_is_a_usage_error(project: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match="in use"):
            serve(other.getsockname()[1], "pgpipe")


def test_a_server_has_its_own_ui(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI"):
        serve(a_free_port(), "pgpipe")


@pytest.mark.slow
def test_the_ui_serves_on_loopback_and_ends_with_ctrl_c(project: Path) -> None:
    port = a_free_port()
    code = f"from pgpipe.tracking.ui import serve; serve({port}, 'pgpipe')"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as ui:
        assert ui.stdout is not None
        try:
            url = ui.stdout.readline().split()[0]
            assert url.endswith("/#/experiments/1/runs")
            with urlopen(url, timeout=60) as page:  # noqa: S310 - our own server
                assert b"MLflow" in page.read()
        finally:  # else a failure would wait for ever
            ui.send_signal(signal.SIGINT)
        assert ui.wait(30) == 0
    assert not answers(port)
