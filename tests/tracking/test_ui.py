import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from tinyparams import ROOT

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.tracking.spool import Run, Spool
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
def test_the_ui_serves_on_loopback_in_an_odd_place_and_ends_with_ctrl_c(
    project: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project / "a?b#c d%20\u00fc;&:'$x"
    (here / ".dvc").mkdir(parents=True)
    shutil.copy(empty_store, here)
    monkeypatch.chdir(here)
    spool = Spool(Run(key="k", name="n", experiment="e", params={}, tags={}, started_ms=7))
    (here / "grid.png").write_bytes(b"pixels")
    spool.add_artifact(here / "grid.png", "previews")
    port = a_free_port()
    code = f"from pgpipe.tracking.ui import serve; serve({port}, 'e')"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as ui:
        assert ui.stdout is not None
        try:
            url = ui.stdout.readline().split()[0]
            page_of_runs = (
                "/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=pgpipe"
            )
            assert url.endswith(page_of_runs)
            with urlopen(url, timeout=60) as page:  # noqa: S310 - our own server
                assert b"MLflow" in page.read()
            [stored] = (here / "mlartifacts").iterdir()
            query = f"get-artifact?run_uuid={stored.name}&path=previews/grid.png"
            with urlopen(f"http://127.0.0.1:{port}/{query}", timeout=60) as picture:
                assert picture.read() == b"pixels"
        finally:  # else a failure would wait for ever
            ui.send_signal(signal.SIGINT)
        assert ui.wait(30) == 0
    assert not answers(port)
    assert [folder.name for folder in project.iterdir() if folder.name.startswith("a")] == [
        here.name
    ]


def test_a_store_that_cannot_be_used_is_said_instead_of_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(IntegrityError, match="move it away and run pgpipe sync"):
        serve(a_free_port(), "pgpipe")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "htp://host")
    with pytest.raises(UsageError, match="expected http://"):
        serve(a_free_port(), "pgpipe")
