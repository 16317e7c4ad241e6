"""Systems that are not Linux, as far as what they lack can be taken away here."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tinyparams import ROOT, VALID, refusal

from benchmarks import process
from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import apart
from pgpipe.data.sources.source import Source
from pgpipe.plumbing import devices, libraries
from pgpipe.plumbing.files import link_or_copy, write_bytes
from pgpipe.plumbing.processes import cores, signals

WINDOWS = """
import runpy, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("fcntl", "resource", "termios", "grp", "pwd"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
sys.platform = "win32"
sys.argv[1:] = ARGUMENTS
runpy.run_module("pgpipe", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("arguments", [[], ["--help"], ["check"], ["train", "r8"], ["verify"]])
def test_windows_is_refused_in_one_line(arguments: list[str]) -> None:
    program = WINDOWS.replace("ARGUMENTS", repr(arguments))
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    line = "pgpipe: error: Windows: pgpipe needs Linux or macOS; run it in WSL\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_command_is_the_module() -> None:
    assert 'pgpipe = "pgpipe.__main__:main"' in (ROOT / "pyproject.toml").read_text()


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No death signal of parents, no /proc, no reserved room on the disk, no affinity."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    for lacking in "posix_fallocate", "sched_getaffinity":
        monkeypatch.delattr(os, lacking)
    monkeypatch.delattr(resource, "RLIMIT_DATA")
    for module, name in (
        (apart, "STATM"),
        (process, "STATUS"),
        (libraries, "CPU_INFO"),
    ):
        monkeypatch.setattr(module, name, tmp_path / "nowhere")


@pytest.mark.usefixtures("on_a_mac")
def test_what_macos_lacks_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries.tune()
    signals.signal_at_parents_death(signal.SIGUSR2)
    monkeypatch.setenv("DVC_STAGE", "train@r8")
    assert not signals.orphaned()  # which is what notices the death of DVC then
    assert cores.cores() == os.cpu_count()
    write_bytes(tmp_path / "a", b"content")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"content"
    assert process.peak_bytes() == resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes
    images = [(b"x", "cat", "0.png"), (b"y", "dog", "1.png")]
    dataset = DatasetSection(**{**VALID["dataset"], "name": "npz", "images": 0})
    _, found = apart.opened(Source(lambda _: None, lambda _: iter(images)), tmp_path, dataset)
    assert list(found) == images


def test_apples_gpu_is_refused_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert devices.choose().type in ("cpu", "cuda")
    told = refusal(train__device="mps")
    assert told == "params.yaml: train.device: 'mps' is not one of 'auto', 'cpu' or 'cuda'"
