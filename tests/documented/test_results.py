"""The results page says what its files say, and shows every file."""

import json
import re
import statistics

import pytest
from tinyproject import ROOT

from documented.results import BLOCK, FOLDER, PAGE, renewed

NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))
BLOCKS = {found[3]: found[0] for found in BLOCK.finditer(PAGE.read_text())}


def test_its_tables_are_those_of_its_files() -> None:
    page = PAGE.read_text()
    assert page == renewed(page), "PYTHONPATH=tests:. python -m documented.results"


def test_it_shows_every_file() -> None:
    assert set(NAMES) <= set(BLOCKS)
    shown = set(re.findall(r"\(results/([^)]+)\)", PAGE.read_text()))
    assert {file.name for file in FOLDER.iterdir()} == shown


@pytest.mark.parametrize("name", NAMES)
def test_a_score_in_a_table_is_the_mean_of_its_runs(name: str) -> None:
    found = json.loads((FOLDER / f"{name}.json").read_text())
    for row in {run["row"] for run in found["runs"]}:
        values = [run["scores"]["swd_avg"] for run in found["runs"] if run["row"] == row]
        (line,) = re.findall(rf"^\| `{row}`: .*$", BLOCKS[name], re.MULTILINE)
        assert f" {statistics.mean(values):.2f} " in line


def test_the_front_page_says_what_the_results_say() -> None:
    told = re.findall(r"\d+\.\d+ ± \d+\.\d+", (ROOT / "README.md").read_text())
    assert told
    assert all(score in PAGE.read_text() for score in told)
