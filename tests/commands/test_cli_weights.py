"""`pgpipe weights` from the command line, with exit codes, against a file of its own."""

from functools import partial
from pathlib import Path

import pytest
from tinyproject import Run

from pgpipe.metrics import inception_file
from pgpipe.plumbing.fetch import mirrors, transfer
from pgpipe.plumbing.hashes import sha256

CONTENT = b"weights"


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run the command in this process: its exit code, stdout and stderr."""
    monkeypatch.setattr(inception_file, "SHA256", sha256(CONTENT))
    return partial(command, "weights")


def test_own_file_is_taken_and_fetched_no_more(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "own").write_bytes(CONTENT)
    assert run("--from", "own")[0] == 0
    assert inception_file.read() == CONTENT
    monkeypatch.delattr(mirrors, "obtain")
    code, stdout, stderr = run()
    assert (code, stderr) == (0, "")
    assert "is there; ask for its scores with score.inception: true" in stdout


def test_own_file_of_another_hash_is_exit_3(run: Run, project: Path) -> None:
    (project / "own").write_bytes(b"other")
    code, _, stderr = run("--from", "own")
    assert (code, len(stderr.splitlines())) == (3, 1)
    assert not inception_file.path().exists()


@pytest.mark.parametrize("arguments", [["--from", "none"], ["--from", "x", "--url", "http://x"]])
def test_wrong_arguments_are_exit_2(run: Run, arguments: list[str]) -> None:
    code, _, stderr = run(*arguments)
    assert (code, len(stderr.splitlines())) == (2, 1)


def test_network_that_is_away_is_exit_7(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.001)
    code, _, stderr = run("--url", "http://127.0.0.1:9/a", "--url", "http://127.0.0.1:9/b")
    assert code == 7
    assert "/a: ConnectionError; http://127.0.0.1:9/b: ConnectionError" in stderr.splitlines()[-1]
