"""The page of `dvc plots show`: .dvc/plots.html draws DVC's specs itself, in a browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc_render import VegaRenderer, render_html
from tinyparams import ROOT


@pytest.mark.full
def test_every_line_is_drawn_with_its_key_and_what_is_empty_is_left_out(tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium here: the page is not looked at")
    values = {"swd_avg": ["100.0", "", "50.0"], "swd_avg_floor": ["10.0", "10.0", "10.0"]}
    points = [
        {"kimg": str(10 * n), "value": value, "rev": rev, "field": field}
        for rev in ("main", "</b>other")
        for field, column in values.items()
        for n, value in enumerate(column)
    ]
    about = {
        "anchors_y_definitions": [{"filename": "a.csv", "field": field} for field in values],
        "revs_with_datapoints": ["main", "</b>other"],
    }
    named = {"x": "kimg", "y": "value", "y_label": "SWD", "title": "quick SWD"}
    plot = VegaRenderer([{**p, "filename": "a.csv"} for p in points], "quick", **named, **about)
    page = tmp_path / "index.html"
    render_html([plot, VegaRenderer([], "none")], page, ROOT / ".dvc/plots.html")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    drawn = re.findall(r'<path d="([^"]+)"', done.stdout)
    right, top, bottom = "808.0", "10.0", "278.0"
    assert drawn == 2 * [
        f"M62.0 {top}L{right} 158.9",
        f"M62.0 {bottom}L435.0 {bottom}L{right} {bottom}",
    ]
    keys = re.findall(r"</svg>([^<]+)</span>", done.stdout)
    assert keys == [f"{rev} {f}" for rev in ("main", "&lt;/b&gt;other") for f in values]
    assert "<h2>quick SWD: SWD</h2>" in done.stdout
