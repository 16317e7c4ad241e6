"""`pgpipe score` of two named sets and `pgpipe gate --cifar10`, in a folder that is no project."""

import json
from pathlib import Path

import numpy as np
import pytest
from literal import inception as literal
from tinyproject import Run

from pgpipe.metrics import inception_file
from pgpipe.plumbing.hashes import sha256
from pgpipe.scoring import cifar10


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command beside r.npy and f.npy: its exit code, stdout and stderr."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name, count in (("r", 9), ("f", 4)):
        np.save(f"{name}.npy", draw.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8))
    return command


@pytest.fixture
def weights(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated network in place of the public one."""
    content = literal.file_of(literal.generated(0))
    monkeypatch.setattr(inception_file, "SHA256", sha256(content))
    inception_file.path().parent.mkdir(parents=True)
    inception_file.path().write_bytes(content)


SETS = ("score", "--real", "r.npy", "--fake", "f.npy")


def test_scores_are_a_table_and_json_and_nothing_else_is_left(run: Run) -> None:
    code, stdout, stderr = run(*SETS, "--json", "out/scores.json")
    assert code == 0
    found = json.loads(Path("out/scores.json").read_text())
    assert found["images"] == 4
    assert f"{found['swd_avg']:.4g}" in stdout
    assert found["protocol"] in stdout
    notes = stderr.splitlines()
    assert notes[0] == "score: 4 of 9 real and 4 of 4 generated images are compared"
    assert "no inception_score, fid" in notes[1]
    assert {path.name for path in Path().iterdir()} == {"r.npy", "f.npy", "out"}


def test_options_are_the_protocol(run: Run) -> None:
    run(*SETS, "--json", "a.json", "--swd-images", "3", "--pairs", "2", "--seed", "5")
    found = json.loads(Path("a.json").read_text())
    assert (found["images"], found["pairs"], found["seed"]) == (3, 2, 5)


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_inception_network_adds_its_scores(run: Run) -> None:
    assert run(*SETS, "--inception", "--json", "a.json")[0] == 0
    found = json.loads(Path("a.json").read_text())
    names = {"inception_score", "inception_score_std", "fid", "kid", "precision", "recall"}
    assert found.keys() >= {*names, "fid_floor", "inception_score_real", "fid_images"}
    assert found["inception_score"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "--real", "r.npy"),
        ("score", "--json", "a.json"),
        ("score", "--inception"),
        ("score", "--seed", "1"),
        (*SETS, "--swd-images", "1"),
        (*SETS, "--swd-images", "5"),
        (*SETS, "--pairs", "0"),
        (*SETS, "--inception"),
        (*SETS, "--json", "r.npy/a.json"),
        ("score", "--real", "r.npy", "--fake", "none.npy"),
        ("gate", "--cifar10", "r.npy"),
    ],
)
def test_wrong_use_is_exit_2_in_one_line(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, stderr = run(*arguments)
    assert code == 2
    assert stderr.splitlines()[-1].startswith("pgpipe: error: ")
    assert stderr.count("error") == 1


def test_damaged_files_are_exit_3(run: Run) -> None:
    Path("bad.npy").write_bytes(b"no array")
    code, stdout, stderr = run("score", "--real", "r.npy", "--fake", "bad.npy")
    assert (code, stdout, len(stderr.splitlines())) == (3, "", 1)
    inception_file.path().parent.mkdir(parents=True)
    inception_file.path().write_bytes(b"no network")
    code, stdout, stderr = run(*SETS, "--inception")
    assert (code, stdout) == (3, "")
    assert "its SHA-256 is" in stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_gate_of_the_inception_score(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "SHAPE", (9, 16, 16, 3))
    monkeypatch.setattr(cifar10, "SPLITS", 3)
    code, _, stderr = run("gate", "--cifar10", "r.npy")
    assert code == 3
    message = stderr.splitlines()[-1]
    assert "Inception score of CIFAR-10's training set: found 1" in message
    assert "expected 11.237 +- 0.095" in message
    monkeypatch.setattr(cifar10, "TOLERANCE", 11.0)
    assert run("gate", "--cifar10", "r.npy")[0] == 0
