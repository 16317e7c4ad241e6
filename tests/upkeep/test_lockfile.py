"""A dvc.lock that was cut off anywhere is refused, or is the whole of what it still says."""

import json
from pathlib import Path

import pytest

from pgpipe.config import DVCS, USERS, load_yaml
from pgpipe.errors import IntegrityError
from pgpipe.experiments import revisions
from pgpipe.upkeep.lockfile import LOCK_FILE, Lock, outputs, parse, read, without_cache

TEXT = """\
schema: '2.0'
stages:
  one:
    cmd: make one
    params:
      params.yaml:
        one: 1
    outs:
    - path: out/one
      hash: md5
      md5: 0aee147afa0841a5c8ecb14a9e71e8e6.dir
      size: 3000002
      nfiles: 2
  two:
    cmd: make two
    deps:
    - path: out/one
      hash: md5
      md5: 0aee147afa0841a5c8ecb14a9e71e8e6.dir
      size: 3000002
      nfiles: 2
    outs:
    - path: out/two
      hash: md5
      md5: 0c55b089b87e8056081ebf250dc9e66c
      size: 16
"""


def is_part_of(part: Lock, whole: Lock) -> bool:
    return all(
        name in whole.stages
        and stage.cmd == whole.stages[name].cmd
        and all(entry in whole.stages[name].deps for entry in stage.deps)
        and all(entry in whole.stages[name].outs for entry in stage.outs)
        for name, stage in part.stages.items()
    )


def refusal(text: str) -> str:
    """What is wrong with a dvc.lock; nothing where it says no more and no less than `TEXT`."""
    try:
        part = parse(text)
    except IntegrityError as error:
        return str(error)
    assert is_part_of(part, parse(TEXT)), text
    return ""


def test_every_beginning_is_refused_or_says_nothing_wrong() -> None:
    refusals = [refusal(TEXT[:length]) for length in range(len(TEXT) + 1)]
    assert refusals[-1] == ""
    assert sum(map(bool, refusals)) > 0.95 * len(TEXT)
    assert all(r.startswith("dvc.lock: ") and "\n" not in r for r in refusals if r)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("schema: '2.0'\nstages: {one: {cmd: x", "cut off"),
        ("schema: '1.0'\nstages: {}\n", "schema"),
        ("- a list\n", "expected a mapping"),
        ("schema: '2.0'\nstages: {a: [\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(IntegrityError, match=rf"dvc\.lock: .*{message}"):
        parse(text)


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_bytes(b"\xff\xfe\0\n")
    with pytest.raises(IntegrityError, match="not UTF-8"):
        read(tmp_path)


def test_outputs_know_whether_dvc_keeps_a_copy(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {two: {outs: [{out/two: {cache: false}}]}}\n")
    found = {o.path.name: o.cached for o in outputs(tmp_path, parse(TEXT))}
    assert found == {"one": True, "two": False}


def test_marks_are_found_wherever_they_stand() -> None:
    marked = {"metrics": [{"a": {"cache": False}}, "b"], "outs": [{"c": {"cache": True}}]}
    assert without_cache({"stages": {"s": {"foreach": "x", "do": marked}}}) == ["a"]


def test_the_lock_of_nine_phases_is_read_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is many times as long as a params.yaml may be."""
    dependency = {"path": "pgpipe/gan/step.py", "hash": "md5", "md5": "0" * 32, "size": 7}
    stage = {
        "cmd": "exec python -m pgpipe train",
        "deps": [dependency] * 50,
        "params": {"params.yaml": {"train": {f"key{n}": n for n in range(50)}}},
        "outs": [{"path": "models/r4", "hash": "md5", "md5": "0" * 32, "size": 7}],
    }
    document = {"schema": "2.0", "stages": {f"train@r{1 << n}": stage for n in range(2, 22)}}
    text = json.dumps(document, indent=1) + "\n"
    assert len(text) > USERS.size
    assert len(parse(text).stages) == 20
    monkeypatch.setattr(revisions, "read", lambda *_: text.encode())
    assert revisions.read_yaml("HEAD", LOCK_FILE, DVCS) == document
    assert revisions.read_yaml("HEAD", LOCK_FILE) is None
    (tmp_path / LOCK_FILE).write_text(text)
    assert load_yaml(tmp_path / LOCK_FILE, bounds=DVCS) == document
