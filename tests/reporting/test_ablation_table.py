"""The table of an ablation: numbers by hand, text in three formats, a figure that is a picture."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from pgpipe.plumbing import terminal
from pgpipe.reporting import ablation_figure, ablation_table, ablation_text
from pgpipe.studies import modes, table1
from pgpipe.studies.results import layout_of

TITLES = {"a": "first", "d": "+ one", "e-star": "+ other", "e": "its place", "f": "+ last"}
SWD = {"a": (9.0, 11.0), "d": (5.0, 6.0), "e-star": (7.0, 8.0), "e": (5.0, 6.1), "f": (2.0, 2.1)}


def record(row: str, seed: int, swd: float, **more: Any) -> dict[str, Any]:
    scores = {"swd_32": swd + 1, "swd_16": swd - 1, "swd_avg": swd, "ms_ssim": 0.2}
    floors = {"swd_32_floor": 1.0, "swd_16_floor": 2.0, "swd_avg_floor": 1.5, "ms_ssim_real": 0.1}
    return {"row": row, "seed": seed, "images": 64, "pairs": 100, **scores, **floors, **more}


@pytest.fixture
def runs() -> ablation_table.Runs:
    return ablation_table.frame(
        [record(row, seed, swd) for row, both in SWD.items() for seed, swd in enumerate(both)]
    )


def of_table1(runs: ablation_table.Runs) -> ablation_table.Layout:
    return layout_of(table1.STUDY, runs)


def summary(runs: ablation_table.Runs, data: str = "photos") -> pd.DataFrame:
    return ablation_table.summary(runs, TITLES, of_table1(runs), data)


def test_floor_that_no_run_has_resolves_nothing() -> None:
    """Of a data set with too few images for one."""
    records = [
        {"row": row, "seed": 0, "images": 8, "pairs": 4, "swd_avg": swd, "ms_ssim": 0.1,
         "swd_avg_floor": None, "ms_ssim_real": 0.1}
        for row, swd in (("a", 9.0), ("b", 1.0))
    ]  # fmt: skip
    runs = ablation_table.frame(records)
    assert ablation_table.noise(runs, "swd_avg") == math.inf
    shown = ablation_table.Layout(("swd_avg", "ms_ssim"), ("swd_avg", "ms_ssim"))
    table = ablation_table.summary(runs, {"a": "one", "b": "other"}, shown, "photos")
    assert math.isnan(table.swd_avg_floor["b"])
    assert not table.swd_avg_resolved["b"]


def test_means_deviations_and_counts(runs: ablation_table.Runs) -> None:
    table = summary(runs)
    assert list(table.index) == list(TITLES)
    assert table.loc["a", "swd_avg"] == 10.0
    assert table.loc["a", "swd_avg_sd"] == pytest.approx(2**0.5)
    assert (table.seeds == 2).all()
    assert (table.images == 64).all()
    assert table.loc["f", "swd_32"] == pytest.approx(3.05)


def test_steps_go_from_the_row_that_one_builds_on(runs: ablation_table.Runs) -> None:
    table = summary(runs)
    assert list(table.above.fillna("")) == ["", "a", "d", "d", "e"]
    assert table.loc["e", "swd_avg_step"] == pytest.approx(5.55 - 5.5)
    assert not table.loc["e", "swd_avg_resolved"]
    assert not table.loc["d", "swd_avg_resolved"]
    one_seed = summary(runs[runs.seed == 0])
    assert one_seed.loc["d", "swd_avg_step_interval"] == 1.5, "the floor"
    assert one_seed.loc["d", "swd_avg_resolved"]


def test_absent_row_is_left_out_and_the_step_goes_over_it(runs: ablation_table.Runs) -> None:
    table = summary(runs[runs.row.isin(["a", "f"])])
    assert table.loc["f", "above"] == "a"


def test_paper_is_subtracted_on_its_own_data_only(runs: ablation_table.Runs) -> None:
    table = summary(runs, "celeba")
    assert table.loc["a", "swd_avg_paper"] == 9.28
    assert table.loc["a", "swd_avg_difference"] == pytest.approx(0.72)
    photos = summary(runs)
    assert photos.loc["a", "swd_avg_paper_lsun-bedroom"] == 11.25
    assert "swd_avg_difference" not in photos


def test_paper_s_averages_are_those_of_its_levels() -> None:
    assert table1.STUDY.published
    paper = ablation_table.read_published(table1.STUDY.published)
    assert len(paper) == 18
    levels = paper[["swd_128", "swd_64", "swd_32", "swd_16"]].mean(axis="columns")
    assert (levels - paper.swd_avg).abs().max() < 0.011


def test_levels_are_those_of_the_runs_finest_first(runs: ablation_table.Runs) -> None:
    scores = of_table1(runs).scores
    assert scores == ("swd_32", "swd_16", "swd_avg", "ms_ssim")


def test_modes_have_no_paper_column() -> None:
    more = {"modes_found_std": 2.0, "mode_kl_std": 0.1}
    runs = ablation_table.frame(
        [record(r, 0, 5.0, modes_found=n, mode_kl=1 / n, **more) for r, n in (("a", 9), ("b", 99))]
    )
    shown = layout_of(modes.STUDY, runs)
    table = ablation_table.summary(runs, {"a": "x", "b": "y"}, shown, "digits-1k")
    assert table.loc["b", "modes_found_step"] == 90
    assert table.loc["b", "modes_found_step_interval"] == pytest.approx(1.96 * 2**0.5 * 2.0)
    assert not [name for name in table if "paper" in str(name)]
    ablation_figure.figure(runs, table, shown, "modes")


def test_files_say_the_same(runs: ablation_table.Runs, tmp_path: Path) -> None:
    table, shown = summary(runs, "celeba"), of_table1(runs)
    files = ablation_text.write(table, shown, "Table 1 on celeba", tmp_path / "new" / "t1.5")
    assert [file.name for file in files] == ["t1.5.md", "t1.5.csv", "t1.5.tex"]
    text, _, latex = (file.read_text() for file in files)
    assert "10.00 ± 1.41" in text
    assert "not resolved" in text
    assert r"10.00 $\pm$ 1.41" in latex
    back = pd.read_csv(files[1], index_col="row")
    assert back.swd_avg.to_list() == pytest.approx(table.swd_avg.to_list())


def test_a_terminal_of_80_columns_has_the_scores_their_steps_and_the_paper_s(
    runs: ablation_table.Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    shown = of_table1(runs)
    swd, ms_ssim = ablation_text.short(ablation_text.in_words(summary(runs), shown), shown)
    assert swd.headings == ["row", "", "SWD avg", "step", "paper, CelebA", "paper, LSUN"]
    assert swd.rows[0] == ["a", "first", "10.00 ± 1.41", "", "9.28", "11.25"]
    assert ms_ssim.headings[2] == "MS-SSIM"
    terminal.say_table(swd.rows, swd.headings)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("f ") for line in lines) == 1, "one table"


def test_figure_is_a_picture_with_a_panel_for_ours_the_paper_and_ms_ssim(
    runs: ablation_table.Runs, tmp_path: Path
) -> None:
    shown = of_table1(runs)
    picture = ablation_figure.figure(runs, summary(runs), shown, "Table 1")
    assert [ax.get_ylabel() for ax in picture.axes] == ["SWD avg", "SWD avg, paper", "MS-SSIM"]
    picture.savefig(tmp_path / "t.png")
    assert len(Image.open(tmp_path / "t.png").convert("L").getcolors()) > 50  # type: ignore[arg-type]
