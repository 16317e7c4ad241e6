"""Hours of a whole training, against their closed form."""

from pathlib import Path

import pytest
from tinyparams import phase, phases, with_values
from tinyproject import Run

from benchmarks import schedule
from benchmarks.__main__ import app
from benchmarks.schedule import Rates, lines, rates_of, stretches
from benchmarks.settings import Setting, setting_of

RATES: Rates = {("r4", "stable"): 100.0, ("r8", "fade"): 10.0, ("r8", "stable"): 20.0}
RATES = {**RATES, ("r16", "fade"): 1.0}


@pytest.fixture
def setting() -> Setting:
    growth = phases(
        r4=phase(4, "init", 0, 720), r8=phase(8, "r4", 36, 144), r16=phase(16, "r8", 18, 0)
    )
    return setting_of(with_values(**growth, model__fmap_max=4, train__threads=1), "params")


def test_hours_are_images_by_the_rate_of_their_part(setting: Setting) -> None:
    found = stretches(setting.growth, RATES)
    assert [(s.key, s.part, s.images) for s in found] == [
        ("r4", "stable", 720_000),
        ("r8", "fade", 36_000),
        ("r8", "stable", 144_000),
        ("r16", "fade", 18_000),
    ]
    assert [s.hours for s in found] == pytest.approx([2, 1, 2, 5])


def test_the_last_line_is_the_sum(setting: Setting) -> None:
    table = [line.split() for line in lines(stretches(setting.growth, RATES))]
    assert table[1] == ["r4", "stable", "720", "100", "2", "h"]
    assert table[-1] == ["total", "918", "25.5", "10", "h"]  # 918,000 images in 36,000 s


def test_long_trainings_are_told_in_days(setting: Setting) -> None:
    slow = {cell: rate / 240 for cell, rate in RATES.items()}
    assert list(lines(stretches(setting.growth, slow)))[-1].endswith("100 days")


def test_every_part_is_measured(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "SECONDS", 0.0)
    rates = rates_of(setting)
    assert rates.keys() == RATES.keys()
    assert all(rate > 0 for rate in rates.values())


def test_the_command_sums_the_phases_of_a_preset(
    with_presets: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> None:
    monkeypatch.setattr(schedule, "SECONDS", 0.0)
    sizes = "model: {fmap_base: 16, fmap_max: 4}\ntrain: {threads: 1}\n"
    (with_presets / "presets/tiny.yaml").write_text(f"# Tiny.\nbase: quick\n{sizes}")
    code, out, _ = command("schedule", "tiny", app=app)
    assert code == 0, out
    table = [line.split() for line in out.splitlines()]
    assert table[-1][:2] == ["total", "5"]  # of the preset `quick`
    hours = [float(row[-2]) for row in table[1:]]
    assert sum(hours[:-1]) == pytest.approx(hours[-1], rel=0.02)
