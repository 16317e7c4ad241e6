"""Addresses of stores: what a folder's name may hold, and what of an address is never shown."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pgpipe.errors import without_credentials
from pgpipe.tracking.address import fault_of_address, store_uri
from pgpipe.tracking.push import Pushed, push
from pgpipe.tracking.spool import Run, Spool
from pgpipe.tracking.store import require_store
from pgpipe.tracking.troubles import StoreRefuses

NAMES = ["a?b", "a#b", "a%3Fb", "a b", "ümläut", "a;b", "a&b", "a:b", "a\nb", "a@b", "a'\"b", "-"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_store_and_artifacts_lie_in_the_project_whatever_its_name(
    project: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    here = project / name
    (here / ".dvc").mkdir(parents=True)
    shutil.copy(empty_store, here)
    monkeypatch.chdir(here)
    spool = Spool(Run(key="k", name="n", experiment="e", params={}, tags={}, started_ms=7))
    spool.append(3, {"loss": 0.5})
    (here / "grid.png").write_bytes(b"pixels")
    spool.add_artifact(here / "grid.png", "previews")
    others = set(project.iterdir())
    assert push(spool.folder) == Pushed(points=1, artifacts=1)

    assert set(project.iterdir()) == others  # MLflow itself makes folders by encoded names
    assert (here / "mlflow.db").is_file()
    client = MlflowClient(tracking_uri=store_uri())
    [run] = client.search_runs([client.get_experiment_by_name("e").experiment_id])  # type: ignore[union-attr]
    assert run.data.metrics == {"loss": 0.5}
    stored = here / "mlartifacts" / run.info.run_id / "artifacts/previews/grid.png"
    assert stored.read_bytes() == b"pixels"
    assert [f.path for f in client.list_artifacts(run.info.run_id, "previews")] == [
        "previews/grid.png"
    ]


def test_a_given_file_is_decoded_once_and_counts_from_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///sub/a%3Fb.db?timeout=5")
    require_store()
    assert (project / "sub" / "a?b.db").is_file()
    assert store_uri().endswith("/sub/a%3Fb.db?timeout=5")


@pytest.mark.parametrize(
    "address",
    [
        "./mlruns",
        "file:///tmp/mlruns",
        "htp://host",
        "http://",
        "http://host:port",
        "http:host:5000",
        "sqlite:mlflow.db",
        "sqlite://",
        "postgresql:host",
        "localhost:5000",
    ],
)
def test_what_is_no_address_is_refused_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(StoreRefuses, match=r"MLFLOW_TRACKING_URI: .*expected http://"):
        require_store()


@pytest.mark.parametrize(
    "address",
    ["", "http://127.0.0.1:5000", "https://me:pw@host/mlflow", "postgresql+psycopg2://u@h/db"],
)
def test_addresses_of_stores_have_no_fault(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert fault_of_address() is None


@pytest.mark.parametrize(
    "secret",
    [
        "https://me:secret@host/x",
        "postgresql://me:se/cret@host/db",
        "mysql://me:secr@et@host/db",
        "postgresql://host/db?user=me&password=secret",
        "at 'https://secret@host/x': refused",
    ],
)
def test_no_part_of_a_password_is_shown(secret: str) -> None:
    shown = without_credentials(secret)
    assert not {"se", "cret", "secr", "et@", "secret"} & set(shown.replace("/", " ").split())
    assert "cret" not in shown
    assert "host" in shown
