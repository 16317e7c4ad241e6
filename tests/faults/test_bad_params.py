"""Any params.yaml: valid, or refused by `pgpipe check` in one line, at once, with nothing deleted.

Most files go through the command in this process, some through a process of their own.
"""

import collections
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis.strategies import SearchStrategy
from tinyparams import ROOT
from tinyproject import Run

from faults.exploring import explore
from faults.paramfiles import File, wrong_documents
from faults.yamlfiles import bomb, large, merges, right_files, wrong_files
from pgpipe.estimate import disk

SECOND = 1.0
KEPT = ("data/checked", "models/r4/state.safetensors", "reports/metrics.json")  # outputs

faults = pytest.mark.faults


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder that has outputs."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    for name in KEPT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return command


def require_one_line(code: int, stdout: str, stderr: str) -> str:
    """The refusal, without its start."""
    assert (code, stdout) == (2, ""), stderr
    (line,) = stderr.splitlines()
    start = "pgpipe: error: params.yaml: "
    assert line.startswith(start)
    assert line.isprintable()
    assert len(line) < 1000
    return line.removeprefix(start)


def require_refusal(run: Run, file: File) -> None:
    Path("params.yaml").write_bytes(file.data)
    start = time.process_time()
    outcome = run("check")
    assert time.process_time() - start < SECOND, file.kind
    assert file.named in require_one_line(*outcome)
    assert [Path(name).read_text() for name in KEPT] == list(KEPT)


@pytest.mark.parametrize("examples", [50, pytest.param(500, marks=faults)])
@pytest.mark.parametrize("files", [wrong_documents, wrong_files], ids=["documents", "files"])
def test_wrong_file_is_refused_in_one_line_that_names_the_key(
    run: Run, files: SearchStrategy[File], examples: int
) -> None:
    kinds: collections.Counter[str] = collections.Counter()
    seen: set[bytes] = set()

    def check(file: File) -> None:
        kinds[file.kind] += file.data not in seen
        seen.add(file.data)
        require_refusal(run, file)

    explore(files, examples, check)
    print(dict(kinds))  # noqa: T201 - what was tried
    assert len(seen) > 0.9 * examples
    assert len(kinds) >= 8


@pytest.mark.parametrize("examples", [20, pytest.param(200, marks=faults)])
def test_right_file_is_accepted_and_told_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    """On a disk that holds whatever they ask for."""
    monkeypatch.setattr(disk, "require", lambda *_: None)

    def check(data: bytes) -> None:
        Path("params.yaml").write_bytes(data)
        code, told, errors = run("check")
        assert (code, told.count("\n"), errors) == (0, 1, "")
        assert re.search(r" \d+ phases? to \d+x\d+ pixels, ", told), told
        Path("data/checked").write_text("data/checked")

    explore(right_files, examples, check)


@pytest.mark.parametrize("file", [bomb(30, 9), large(10, b"# x\n"), merges(4000, 2000)])
def test_process_of_its_own_refuses_within_a_second(tmp_path: Path, file: File) -> None:
    (tmp_path / "params.yaml").write_bytes(file.data)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pgpipe", "check"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert time.perf_counter() - start < 2 * SECOND  # beside other tests
    require_one_line(done.returncode, done.stdout, done.stderr)
