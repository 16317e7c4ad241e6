"""What the documents tell people to type is accepted."""

import re
from typing import get_args

import pytest
from merging import merged
from tinyparams import ROOT, with_values

from pgpipe.config import parse_yaml
from pgpipe.data.config import Name
from stages import check

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/data.md").read_text().partition("| set |")[2].splitlines()[2:]
    if line.startswith("| ")
]


def test_every_row_is_of_a_data_set() -> None:
    assert [name for name, *_ in ROWS] == list(dict.fromkeys(name for name, *_ in ROWS))
    assert {name for name, *_ in ROWS} <= set(get_args(Name))
    assert len(ROWS) > 20


@pytest.mark.usefixtures("with_presets")
@pytest.mark.parametrize(("name", "settings", "_files"), ROWS, ids=[name for name, *_ in ROWS])
def test_its_settings_are_valid(name: str, settings: str, _files: str) -> None:
    if preset := re.search(r"pgpipe preset ([\w -]+) &&", settings):
        document = merged(*preset[1].split())
    else:
        given = dict(re.findall(r"-S ([\w.]+)=([\w-]+)", settings))
        values = {key: parse_yaml(f"value: {text}", key)["value"] for key, text in given.items()}
        values = {"train.label_conditioning": "auto", **values}  # as params.yaml has it
        document = with_values(**{key.replace(".", "__"): value for key, value in values.items()})
    assert check.check(document, "params.yaml").dataset.name == name
