"""What the libraries are told before they are imported."""

import os
from pathlib import Path

import pytest

from pgpipe.plumbing import libraries

ZEN_4 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
flags\t\t: fpu avx2 avx512f avx512dq

processor\t: 1
"""
NAME = "NPY_DISABLE_CPU_FEATURES"


@pytest.mark.parametrize(
    ("old", "new", "slow"),
    [
        ("", "", True),
        ("AuthenticAMD", "GenuineIntel", False),
        (": 25", ": 26", False),
        (" avx512f", "", False),
    ],
)
def test_only_processors_that_sort_slowly_are_told_not_to(
    old: str, new: str, slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(ZEN_4.replace(old, new, 1))
    monkeypatch.setattr(libraries, "CPU_INFO", file)
    monkeypatch.setattr(os, "environ", {})
    libraries.tune()
    assert (NAME in os.environ) == slow


def test_what_the_user_sets_stays_and_no_file_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "CPU_INFO", tmp_path / "none")
    own = {"GOMP_SPINCOUNT": "7", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    monkeypatch.setattr(os, "environ", dict(own))
    libraries.tune()
    assert os.environ == {**libraries.SETTINGS, **own}


def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC's own look-up was "bug: KeyError" in `pgpipe repair`."""

    def unknown(number: int) -> None:
        raise KeyError(f"uid not found: {number}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    libraries.tune()
    assert os.environ["USER"] == f"{os.getuid()}"
