"""Which experiments a study consists of, and what makes two of them the same."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pgpipe.errors import UsageError
from pgpipe.studies import results
from pgpipe.studies.table import (
    STUDIES,
    choose,
    experiments,
    find_study,
    identity,
    selection,
    with_seed,
)

PARAMS = """\
train: {seed: 7, minibatch: 16}
dataset: {seed: 0}
sample: {seed: 1}
score: {seed: 0}
tracking: {enabled: true}
"""


@pytest.fixture(autouse=True)
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    Path("presets").mkdir()
    for row in STUDIES["table1"].rows:
        Path(f"presets/table1-{row}.yaml").write_text(f"# {row}\ntrain: {{row: {row}}}\n")
    for data in STUDIES["table1"].data_sets:
        Path(f"presets/table1-{data}.yaml").write_text(f"# {data}\ndataset: {{name: {data}}}\n")


def test_nine_rows_by_three_seeds_are_27_telling_names() -> None:
    study, data, rows = selection("table1", None, None)
    found = list(experiments(study, data, rows, range(3)))
    assert len({e.name for e in found}) == len({identity(e.document) for e in found}) == 27
    assert "table1-photos-e-star-s0" in {e.name for e in found}


def test_seed_changes_the_training_s_alone() -> None:
    (one,) = experiments(STUDIES["table1"], ["photos"], ["a"], [3])
    assert one.document == {
        "train": {"seed": 3, "minibatch": 16, "row": "a"},
        "dataset": {"seed": 0, "name": "photos"},
        "sample": {"seed": 1},
        "score": {"seed": 0},
        "tracking": {"enabled": True},
    }


def test_where_a_run_is_tracked_is_no_part_of_what_it_is() -> None:
    document = {"train": {"seed": 0}, "tracking": {"enabled": True}}
    assert identity(document) == identity({**document, "tracking": {"enabled": False}})
    assert identity(document) != identity(with_seed(document, 1))


def test_rows_come_in_the_table_s_order() -> None:
    assert choose("--rows", "g, a,e-star", ["a", "e-star", "g"]) == ["a", "e-star", "g"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_study("tabel1"), "study 'tabel1' is unknown; did you mean table1?"),
        (lambda: selection("table1", "a,z", None), "--rows: 'z' is unknown"),
        (lambda: selection("modes", None, "photos"), "--data: 'photos' is unknown"),
        (lambda: selection("table1", "", None), "--rows: '' is unknown"),
    ],
)
def test_unknown_names_are_refused(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as raised:
        call()
    assert message in str(raised.value)


def test_the_run_of_a_table_shows_its_figure_first() -> None:
    tags: dict[str, str] = {}
    tracker = SimpleNamespace(log_artifact=lambda *_: None, set_tags=tags.update)
    results.log(tracker, [], [Path(f"table1.{kind}") for kind in ("md", "csv", "png")])
    first, *links = tags["mlflow.note.content"].split("\n\n")
    assert first == "![ablation/table1.png](get-artifact?path=ablation/table1.png&run_uuid={run})"
    assert [link.partition("]")[0] for link in links] == [
        "[ablation/table1.csv", "[ablation/table1.md"
    ]  # fmt: skip
