"""The benchmarks, at a size that says nothing of speed."""

import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as cli
from benchmarks import literal, look, prepare
from benchmarks.pictures import Windows
from benchmarks.process import measured, measured_with_children
from pgpipe.errors import UsageError


@pytest.mark.faults
def test_it_prints_speed_agreement_and_peak_memory() -> None:
    arguments = ["metrics", "--images", "4", "--pairs", "2", "--resolution", "16"]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    rows = [line.split("|")[1:-1] for line in done.output.splitlines() if "SWD" in line]
    rows += [line.split("|")[1:-1] for line in done.output.splitlines() if "MS-SSIM" in line]
    for row, count in zip(rows, (4, 2), strict=True):
        assert int(row[1]) == int(row[3]) == count
        assert float(row[6]) < 1e-3
        assert row[7].endswith(" GB ")


def test_a_resolution_without_a_pyramid_is_refused() -> None:
    done = CliRunner().invoke(cli.app, ["metrics", "--resolution", "48"])
    assert isinstance(done.exception, UsageError)


def test_without_a_checkout_one_line_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(literal, "TESTS", tmp_path)
    with pytest.raises(UsageError, match="checkout"):
        literal.literal("swd")


def test_pictures_are_equal_for_equal_seeds_and_of_the_shape_asked_for() -> None:
    a, b, c = (Windows(3, 32, seed) for seed in (1, 1, 2))
    assert len(a) == 3
    assert a[:].shape == (3, 32, 32, 3)
    np.testing.assert_array_equal(a[:], b[:])
    np.testing.assert_array_equal(a[1:], b[:][1:])
    assert (a[:] != c[:]).any()
    assert (a[:1] != a[1:2]).any()


@pytest.mark.slow
def test_peak_memory_is_that_of_the_call() -> None:
    low, high = (measured(np.ones, size).peak for size in (10, 25_000_000))
    assert 190e6 < high - low < 260e6


@pytest.mark.faults
def test_preparation_is_printed_beside_the_plain_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text((literal.TESTS / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prepare, "ROUNDS", 1)
    arguments = ["prepare", "--images", "3", "--resolution", "16", "--records", "40"]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    rows = [line.split("|")[1:-1] for line in done.output.splitlines() if "16x16" in line]
    assert [row[1].strip() for row in rows] == ["plain", "ours"]
    assert all(int(row[2]) == 3 for row in rows)
    assert "; 0 pixels differ" in done.output
    assert {file.name for file in tmp_path.iterdir()} == {"params.yaml"}


@pytest.mark.faults
def test_memory_of_children_counts_what_they_share_once() -> None:
    found = measured_with_children(hold_shared, 200_000_000, 3)
    shared = found.peak - measured_with_children(hold_shared, 10, 3).peak
    assert 180e6 < shared < 350e6, "not three times 200 MB"


def hold_shared(size: int, children: int) -> None:
    """Memory that so many forked processes have in common, and look at."""
    memory = np.ones(size, np.uint8)

    def look() -> None:
        memory.sum()
        time.sleep(1)

    processes = [get_context("fork").Process(target=look) for _ in range(children)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def test_preparation_of_no_power_of_two_is_refused() -> None:
    done = CliRunner().invoke(cli.app, ["prepare", "--resolution", "48"])
    assert isinstance(done.exception, UsageError)


@pytest.mark.faults
@pytest.mark.usefixtures("with_presets")
def test_check_prints_both_ways_and_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "ROUNDS", 1)
    arguments = ["check", "--images", "3", "--resolution", "16", "--hashes", "40"]
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    rows = [line.split("|")[1:-1] for line in done.output.splitlines() if "JPEGs of 16" in line]
    assert [(row[1].strip(), int(row[2])) for row in rows] == [("check", 3), ("prepare", 3)]
    assert "among 40 hashes" in done.output
