"""Results pushed to a folder and to an S3-compatible store, and pulled into a clone.

As docs/how-to/sharing.md has it; the store is moto's server on loopback.
"""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from documented.userproject import UserProject
from toyproject import Toy

pytestmark = pytest.mark.faults

MISSING = [name for name in ("dvc_s3", "moto") if find_spec(name) is None]
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store on loopback with an empty bucket."""
    if MISSING:
        pytest.skip(f"no {', '.join(MISSING)}: pip install '.[dev]'")
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(
        Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    yield address
    server.stop()


class Shell(Toy, UserProject):
    """A toy pipeline in which documented commands are typed."""


def shared(project: Shell, tmp_path: Path) -> None:
    """Push what is there, an experiment, and git's commits; have it all in a clone, and no more."""
    git = tmp_path / "git"
    project.git("init", "-q", "--bare", str(git))
    project.type(f"git remote add origin {git}")
    project.type("dvc repro && git add -A && git commit -qm done && dvc push")
    assert "in sync" in project.type("dvc status --cloud")
    project.type("dvc exp run -n other -S two=3 && dvc exp push origin other")
    assert "other" in project.type("dvc exp list origin")
    project.type(
        "git checkout -q -- . && git push -q origin HEAD:main && git -C "
        f"{git} symbolic-ref HEAD refs/heads/main"
    )
    shutil.rmtree(project.folder / ".dvc/cache")
    project.git("clone", "-q", str(git), str(tmp_path / "clone"))
    clone = Shell.at(tmp_path / "clone")
    assert isinstance(clone, Shell)
    (clone.folder / ".dvc/config.local").write_text(config_local(project))
    clone.type("dvc pull")
    assert "two: 2" in (clone.folder / "out/two").read_text()
    assert "Running stage" not in clone.type("dvc repro")
    clone.type("dvc exp pull origin other && dvc exp apply other")
    assert "two: 3" in (clone.folder / "out/two").read_text()
    assert "Running stage" not in clone.type("dvc repro")


def config_local(project: Shell) -> str:
    file = project.folder / ".dvc/config.local"
    return file.read_text() if file.is_file() else ""


@pytest.fixture
def here(tmp_path: Path) -> Shell:
    (tmp_path / "here").mkdir()
    return Shell(tmp_path / "here")


def test_a_folder_is_a_remote(here: Shell, tmp_path: Path) -> None:
    here.type(f"dvc remote add -d store {tmp_path / 'store'} && git add -A && git commit -qm store")
    shared(here, tmp_path)


def test_a_bucket_is_a_remote(here: Shell, endpoint: str, tmp_path: Path) -> None:
    here.type("dvc remote add -d store s3://results/pgpipe")
    here.type(
        f"dvc remote modify store endpointurl {endpoint} && git add -A && git commit -qm store"
    )
    here.type("dvc remote modify --local store access_key_id test")
    here.type("dvc remote modify --local store secret_access_key test")
    shared(here, tmp_path)
