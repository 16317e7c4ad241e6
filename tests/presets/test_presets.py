"""Presets as files: found, merged into params.yaml with its comments, shown in words."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.presets import files as presets

ROOT = Path(__file__).parents[2]
NAMES = sorted(file.stem for file in (ROOT / "presets").glob("*.yaml"))
SMALL = """\
# What a: means
a: 1e-8      # stays
b:
  c: {x: 1, y: 2}   # of c
  # of d
  d: [1, 2]
e: yes
"""


pytestmark = pytest.mark.usefixtures("with_presets")


def preset(text: str, name: str = "mine") -> str:
    Path(f"presets/{name}.yaml").write_text(text)
    return name


def apply(*chosen: str) -> str:
    presets.write(presets.merged(list(chosen)))
    return Path("params.yaml").read_text()


def comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


# Merging


def test_untouched_lines_are_the_same_bytes() -> None:
    before = Path("params.yaml").read_text().splitlines()
    after = apply(preset("# x\ntrain: {minibatch: 4}\n")).splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    comment = "             # images a step [16]"
    assert changed == [(f"  minibatch: 8{comment}", f"  minibatch: 4{comment}")]


def test_nothing_changes_by_a_preset_that_says_what_is() -> None:
    before = Path("params.yaml").read_text()
    preset("# x\ntrain: {minibatch: 8}\n")
    assert presets.changes(["mine"]) == []
    assert apply("mine") == before


def test_null_deletes_a_key_and_not_its_neighbours_comments() -> None:
    Path("params.yaml").write_text(SMALL)
    after = apply(preset("# x\nb: {c: {x: null}, d: null}\n"))
    assert load_yaml(Path("params.yaml")) == {"a": 1e-8, "b": {"c": {"y": 2}}, "e": "yes"}
    assert {"# What a: means", "# stays", "# of c"} <= set(comments(after))


def test_null_for_a_key_that_is_not_there_changes_nothing() -> None:
    Path("params.yaml").write_text(SMALL)
    assert apply(preset("# x\nzzz: null\n")) == SMALL


def test_titles_are_the_first_lines() -> None:
    preset("#  A title.\n# more\na: 1\n")
    assert presets.titles()["mine"] == "A title."


# In words


def test_change_is_shown_with_the_meaning_of_its_key() -> None:
    Path("params.yaml").write_text(SMALL)
    preset("# A title.\na: 2\nb: {c: {x: false, z: {p: 1, q: true}}, d: null}\n")
    assert presets.changes(["mine"]) == [
        ("a: 1e-08 -> 2", "stays"),
        ("b.c.x: 1 -> false", ""),
        ("b.c.z: (none) -> p 1, q true", ""),
        ("b.d: [1, 2] -> (none)", ""),
    ]


def test_comment_that_goes_on_below_is_one_meaning() -> None:
    Path("params.yaml").write_text("a: 1  # one\n      # two\n  # no\nb: 1\n      # no\n")
    assert presets.changes([preset("# x\na: 2\nb: 2\n")]) == [
        ("a: 1 -> 2", "one two"),
        ("b: 1 -> 2", ""),
    ]


def test_several_presets_are_shown_as_their_result() -> None:
    preset("# One.\ntrain: {minibatch: 4, drift: 0.5}\n", "one")
    preset("# Other.\ntrain: {minibatch: 8}\n", "other")
    [(change, _)] = presets.changes(["one", "other"])
    assert change.startswith("train.drift: ")


# Bases


def test_preset_names_what_differs_from_its_base() -> None:
    preset("# x\ntrain: {minibatch: 4, drift: 0.5}\ngrowing: false\n", "one")
    preset("# x\nbase: one\ntrain: {minibatch: 2}\n", "two")
    preset("# x\nbase: two\ngrowing: true\n", "three")
    found = presets.merged(["three"])
    assert (found["train"]["minibatch"], found["train"]["drift"]) == (2, 0.5)
    assert found["growth"] == load_yaml(Path("params.yaml"))["growth"]
    assert list(presets.merged(["two"])["growth"]["phases"]) == ["r32"]


def test_base_is_no_parameter() -> None:
    preset("# x\n{}\n", "one")
    assert presets.merged([preset("# x\nbase: one\n")]) == load_yaml(Path("params.yaml"))


def test_preset_that_continues_itself_is_refused() -> None:
    preset("# x\nbase: b\n", "a")
    preset("# x\nbase: a\n", "b")
    with pytest.raises(UsageError, match="preset 'a' continues itself: a, b"):
        presets.merged(["a"])


def test_unknown_base_is_refused() -> None:
    with pytest.raises(UsageError, match="preset 'quik' is unknown; did you mean quick\\?"):
        presets.merged([preset("# x\nbase: quik\n")])


def test_bad_directive_is_refused_with_its_file() -> None:
    with pytest.raises(UsageError, match=r"presets/mine\.yaml: total: 0 is not >= 1e-06"):
        presets.merged([preset("# x\ntotal: 0\n")])


def test_scale_does_not_reach_what_is_only_in_params() -> None:
    with pytest.raises(UsageError, match=r"preset mine quick: scale: none of these presets sets"):
        presets.merged([preset("# x\nscale: {train.minibatch: 2}\n"), "quick"])


# What can go wrong


def test_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="preset 'quik' is unknown; did you mean quick\\?"):
        presets.merged(["quik"])


def test_unknown_preset_is_refused_with_all_there_are() -> None:
    with pytest.raises(UsageError, match="known: " + ", ".join(NAMES)):
        presets.changes(["xyzxyz"])


def test_missing_params_are_the_users_error() -> None:
    Path("params.yaml").unlink()
    with pytest.raises(UsageError, match=r"params\.yaml: not found"):
        presets.merged(["quick"])


@pytest.mark.parametrize(
    "text", ["# x\na: [1\n", "# x\n- a\n", "# x\na: 1\na: 2\n", "", "# x\nhi\n"]
)
def test_preset_that_is_no_mapping_is_the_users_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"presets/mine\.yaml: "):
        presets.merged([preset(text)])


@pytest.mark.parametrize("text", ["a: [1\n", "- a\n"])
def test_params_that_are_no_mapping_are_the_users_error(text: str) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"params\.yaml: "):
        presets.merged(["quick"])


# Edits


def git(*arguments: str) -> None:
    user = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    subprocess.run(["git", *user, *arguments], check=True, capture_output=True)


@pytest.fixture
def committed() -> None:
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "as it is")


def test_committed_params_may_be_changed(committed: None) -> None:
    presets.refuse_to_bury_edits(["quick"])


def edit(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert old in text
    Path("params.yaml").write_text(text.replace(old, new))


def put(*names: str) -> list[str]:
    """As the command does, without `check`."""
    presets.refuse_to_bury_edits(list(names))
    return presets.put(list(names), lambda _: None)


def params() -> dict[str, Any]:
    return load_yaml(Path("params.yaml"))


def test_uncommitted_edits_of_params_are_not_buried_but_named(committed: None) -> None:
    edit("minibatch: 8 ", "minibatch: 4 ")
    with pytest.raises(
        UsageError, match=r"uncommitted edits: train\.minibatch 8 -> 4; .*git commit"
    ):
        put("quick")
    git("add", "-A")
    with pytest.raises(UsageError, match=r"pgpipe preset --force quick"):
        put("quick")


@pytest.mark.slow
def test_a_preset_after_another_takes_its_place(committed: None) -> None:
    before = Path("params.yaml").read_text()
    expected = {name: presets.merged([name]) for name in ("quick", "photos-64")}
    assert put("quick") == []
    assert params() == expected["quick"]
    made = Path("params.yaml").read_text()
    assert put("quick") == ["quick"]
    assert Path("params.yaml").read_text() == made
    assert put("photos-64") == ["quick"]
    assert params() == expected["photos-64"]
    assert put("table1-g", "table1-photos") == ["photos-64"]
    assert put("photos-64") == ["table1-g", "table1-photos"]
    assert params() == expected["photos-64"]
    assert put("default") == ["photos-64"]
    assert Path("params.yaml").read_text() == before


def test_so_it_does_where_the_first_was_committed_and_cloned(
    committed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, expected = Path("params.yaml").read_text(), presets.merged(["photos-64"])
    put("quick")
    git("add", "params.yaml")
    git("commit", "-qm", "quick")
    git("clone", "-q", ".", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    put("photos-64")
    assert params() == expected
    put("default")
    assert Path("params.yaml").read_text() == before


def test_an_edit_after_a_preset_is_named_and_stays_with_the_next_one(committed: None) -> None:
    expected = presets.merged(["photos-64"])
    put("quick")
    edit("minibatch: 8 ", "minibatch: 4 ")
    edit("tick_kimg: 0.5", "tick_kimg: 0.25")
    with pytest.raises(
        UsageError,
        match=r"edits since pgpipe preset quick: train\.minibatch 8 -> 4, "
        r"train\.tick_kimg 0\.5 -> 0\.25; .*--force photos-64",
    ):
        put("photos-64")
    presets.put(["photos-64"], lambda _: None)  # --force
    expected["train"]["minibatch"], expected["train"]["tick_kimg"] = 4, 0.25
    assert params() == expected


@pytest.mark.slow
def test_committed_edits_after_a_preset_stay_with_all_that_follow(committed: None) -> None:
    put("quick")
    edit("minibatch: 8 ", "minibatch: 4 ")
    git("add", "params.yaml")
    git("commit", "-qm", "quick, and an edit")
    put("photos-64")
    assert (params()["train"]["minibatch"], params()["growth"]["final"]) == (4, "r64")
    put("quick")
    put("default")
    assert (params()["train"]["minibatch"], params()["growth"]["final"]) == (4, "r32")


def test_a_comment_is_an_edit(committed: None) -> None:
    put("quick")
    edit("minibatch: 8 ", "minibatch: 8 # mine, ")
    with pytest.raises(UsageError, match="comments or layout"):
        put("photos-64")


def test_where_it_is_not_known_of_what_a_preset_was_made_the_way_on_is_said(
    committed: None,
) -> None:
    edit("minibatch: 8 ", "minibatch: 4 ")
    presets.put(["quick"], lambda _: None)
    shutil.rmtree(".pgpipe")  # and git does not have it
    with pytest.raises(UsageError, match=r"preset quick made it of .*--force photos-64"):
        put("photos-64")


def test_an_invalid_result_changes_nothing(committed: None) -> None:
    put("quick")
    before = Path("params.yaml").read_text()

    def refuse(_: object) -> None:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        presets.put(["photos-64"], refuse)
    assert Path("params.yaml").read_text() == before


def test_edits_of_other_files_do_not_matter(committed: None) -> None:
    Path("presets/quick.yaml").write_text("# x\n")
    presets.refuse_to_bury_edits(["quick"])


def test_without_a_repository_there_are_no_edits() -> None:
    presets.refuse_to_bury_edits(["quick"])


def test_without_git_there_are_no_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    presets.refuse_to_bury_edits(["quick"])
