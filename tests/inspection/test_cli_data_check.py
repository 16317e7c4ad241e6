"""The command `pgpipe data check`: its text, its files, and however it is ended."""

import html
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from publishedsets import WRITERS
from rawset import encoded, pictures, write
from tinyparams import ROOT
from tinyproject import Run

from pgpipe.data.sources import catalogue, obtain
from pgpipe.data.sources.catalogue import Published
from pgpipe.inspection.report import Report
from pgpipe.plumbing.hashes import sha256_file, sha256_tree

IMAGES = 200_000  # that take longer than a test
SECONDS = 20.0  # that the end may take


def set_params(**values: str) -> None:
    """The tests' params.yaml with other values in its section `dataset`."""
    text = (ROOT / "tests/params.yaml").read_text()
    old = {"name": "photos", "path": "data/own", "resolution": "64"}
    for key, value in values.items():
        assert f"  {key}: {old[key]}" in text
        text = text.replace(f"  {key}: {old[key]}", f"  {key}: {value}", 1)
    Path("params.yaml").write_text(text)


@pytest.fixture
def run(project: Path, command: Run) -> Run:
    """Run a command beside a folder of ten images, a copy and a text."""
    write(project / "data/own", {f"{n}.png": encoded(i) for n, i in enumerate(pictures(10))})
    write(project / "data/own", {"bad <b>.txt": b"text"})
    shutil.copy("data/own/3.png", "data/own/copy of 3.png")
    set_params(name="folder")
    return command


def test_a_folder_is_looked_at_before_params_yaml_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage("/")  # which other processes change
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    _, whole, _ = run("data", "check")
    set_params(name="photos")
    code, text, stderr = run("data", "check", "data/own")
    assert (code, stderr) == (0, "")
    own = str(Path("data/own").absolute())
    assert text.replace(own, "data/own") == whole
    assert "name: photos" in Path("params.yaml").read_text()
    code, _, stderr = run("data", "check", "nowhere")
    assert (code, stderr.count("\n")) == (2, 1)
    assert "nowhere: not found" in stderr


def test_text_has_the_warnings_first_and_nothing_is_left(run: Run) -> None:
    before = sha256_tree(Path.cwd())
    code, text, stderr = run("data", "check")
    assert (code, stderr) == (0, "")
    lines = text.splitlines()
    warned = [line.startswith("warning: ") for line in lines]
    assert warned == sorted(warned, reverse=True)
    assert sum(warned) >= 3
    for expected in (
        "images        11, ",
        "'bad <b>.txt': not a JPEG, PNG or WebP image",
        "repeated      1 (groups: 1)",
        "'3.png', 'copy of 3.png'",
        "modes         RGB 11",
    ):
        assert any(expected in line for line in lines), expected
    assert sha256_tree(Path.cwd()) == before


def test_json_and_page_are_of_one_look(run: Run) -> None:
    assert run("data", "check", "--json", "out/a.json", "--page", "out/a.html")[0] == 0
    report = Report.model_validate_json(Path("out/a.json").read_bytes())
    assert (report.images, report.duplicates.exact.surplus) == (11, 1)
    page = Path("out/a.html").read_text()
    assert "bad &lt;b&gt;.txt" in page
    assert all(warning in html.unescape(page) for warning in report.warnings)
    assert {path.name for path in Path("out").iterdir()} == {"a.json", "a.html"}


@pytest.mark.parametrize("option", ["--json", "--page"])
def test_file_that_cannot_be_written_is_told(run: Run, option: str) -> None:
    code, text, stderr = run("data", "check", option, "params.yaml/a")
    assert code == 2
    assert "images        11, " in text
    assert stderr.startswith(f"pgpipe: error: {option}: params.yaml/a: ")


def test_fetched_files_are_looked_at_where_download_left_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Path("data/raw")
    raw.mkdir()
    WRITERS["cifar10"](raw)
    files = {f.name: Published(size=f.stat().st_size, sha256=sha256_file(f)) for f in raw.iterdir()}
    entry = catalogue.entries()["cifar10"].model_copy(update={"files": files})
    known = {**catalogue.entries(), "cifar10": entry}
    for module in (catalogue, obtain):
        monkeypatch.setattr(module, "entries", lambda: known)
    set_params(name="cifar10")
    code, text, _ = run("data", "check")
    assert code == 0
    assert "images        6, " in text
    shutil.rmtree(raw)
    code, _, stderr = run("data", "check")
    assert code == 2
    assert "run `dvc repro download`" in stderr


def test_wrong_parameters_are_told_before_any_look(run: Run) -> None:
    set_params(name="folder", resolution="63")
    assert run("data", "check")[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("run")
def test_a_signal_ends_it_in_order(number: int, project: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (100, 17, 17, 3), dtype=np.uint8)
    np.savez("data/own/own.npz", images=np.tile(images, (IMAGES // 100, 1, 1, 1)))
    set_params(name="npz", path="data/own/own.npz")
    with subprocess.Popen(
        [sys.executable, "-m", "pgpipe", "data", "check"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not (children := psutil.Process(process.pid).children()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.killpg(process.pid, number)
        _, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stderr) == (75, "pgpipe: error: interrupted\n")
    assert not psutil.wait_procs(children, SECONDS)[1]
    assert not list(project.glob(".pgpipe-*"))


def test_json_has_its_keys(run: Run) -> None:
    """What other programs may rely on."""
    run("data", "check", "--json", "a.json")
    found = json.loads(Path("a.json").read_text())
    assert found.keys() == {
        *("name", "path", "resolution", "color", "crop", "warnings", "images", "bytes"),
        *("rejected", "stored", "sizes", "aspect", "crops", "labels", "duplicates", "estimate"),
    }
    assert found["rejected"]["listed"] == [["bad <b>.txt", "not a JPEG, PNG or WebP image"]]
    assert found["sizes"]["smallest"] == [64, 64]
