"""Presets change what they name in params.yaml and nothing else."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pgpipe import presets
from pgpipe.config import leaves, load_yaml
from pgpipe.errors import UsageError
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.weights import names
from stages.check import Params, check

ROOT = Path(__file__).parent.parent
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


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with this project's params.yaml and presets as the current one."""
    shutil.copy(ROOT / "tests/params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def preset(text: str, name: str = "mine") -> str:
    Path(f"presets/{name}.yaml").write_text(text)
    return name


def apply(*chosen: str) -> str:
    presets.write(presets.merged(list(chosen)))
    return Path("params.yaml").read_text()


def comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


# The presets of the repository


@pytest.mark.parametrize("name", NAMES)
def test_preset_makes_valid_params(name: str) -> None:
    assert isinstance(check(presets.merged([name]), name), Params)


@pytest.mark.parametrize("name", NAMES)
def test_presets_networks_can_be_built(name: str) -> None:
    params = check(presets.merged([name]), name)
    spec = NetworkSpec(
        **params.model.model_dump(),
        channels=params.dataset.channels,
        classes=10 * params.train.label_conditioning,
        minibatch_stddev=params.train.minibatch_stddev,
    )
    for key, phase in params.growth.phases.items():
        assert names(spec, phase.res), key


@pytest.mark.parametrize("name", NAMES)
def test_preset_keeps_all_comments_of_what_it_keeps(name: str) -> None:
    before = Path("params.yaml").read_text()
    kept = {text for line in before.splitlines() if "r32:" not in line for text in comments(line)}
    assert kept <= set(comments(apply(name)))


@pytest.mark.parametrize("name", NAMES)
def test_preset_says_what_it_is_and_what_it_changes(name: str) -> None:
    title, *lines = presets.changes(name)
    assert title == presets.titles()[name]
    assert len(title) > 20
    old, new = dict(leaves(load_yaml(Path("params.yaml")))), dict(leaves(presets.merged([name])))
    assert len(lines) == sum(old.get(path) != new.get(path) for path in {**old, **new})
    assert all(re.fullmatch(r"  [\w.]+: .* -> .*", line) for line in lines)


def test_paper_preset_is_the_paper() -> None:
    params = check(presets.merged(["paper-128"]), "paper-128")
    assert [key for key, _ in params.growth.chain()] == ["r4", "r8", "r16", "r32", "r64", "r128"]
    assert sum(phase.images for _, phase in params.growth.chain()) == 10_000_000
    assert params.train.full_resolution == 128
    assert params.score.swd_images == 16384
    assert params.score.ms_ssim_pairs == 10000


@pytest.mark.parametrize("name", NAMES)
def test_each_phase_stays_on_a_line(name: str) -> None:
    text = apply(name)
    for key in load_yaml(Path("params.yaml"))["growth"]["phases"]:
        assert re.search(rf"^    {key}: {{res: .*}}", text, re.MULTILINE)


# Merging


def test_untouched_lines_are_the_same_bytes() -> None:
    before = Path("params.yaml").read_text().splitlines()
    after = apply(preset("# x\ntrain: {minibatch: 4}\n")).splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    comment = "             # [16]"
    assert changed == [(f"  minibatch: 8{comment}", f"  minibatch: 4{comment}")]


def test_nothing_changes_by_a_preset_that_says_what_is() -> None:
    before = Path("params.yaml").read_text()
    preset("# x\ntrain: {minibatch: 8}\n")
    assert presets.changes("mine")[1:] == ["  changes nothing"]
    assert apply("mine") == before


def test_null_deletes_a_key_and_not_its_neighbours_comments() -> None:
    Path("params.yaml").write_text(SMALL)
    after = apply(preset("# x\nb: {c: {x: null}, d: null}\n"))
    assert load_yaml(Path("params.yaml")) == {"a": 1e-8, "b": {"c": {"y": 2}}, "e": "yes"}
    assert {"# What a: means", "# stays", "# of c"} <= set(comments(after))


def test_null_for_a_key_that_is_not_there_changes_nothing() -> None:
    Path("params.yaml").write_text(SMALL)
    assert apply(preset("# x\nzzz: null\n")) == SMALL


def test_mapping_is_merged_and_all_else_is_replaced() -> None:
    Path("params.yaml").write_text(SMALL)
    apply(preset("# x\nb: {c: {z: 3}, d: [3]}\ne: {f: 1}\n"))
    found = load_yaml(Path("params.yaml"))
    assert found["b"] == {"c": {"x": 1, "y": 2, "z": 3}, "d": [3]}
    assert found["e"] == {"f": 1}


def test_last_of_several_presets_wins() -> None:
    one, other = preset("# x\ne: 1\na: 2\n", "one"), preset("# x\ne: 3\n", "other")
    found: dict[str, Any] = presets.merged([one, other])
    assert (found["e"], found["a"]) == (3, 2)


def test_titles_are_the_first_lines() -> None:
    preset("#  A title.\n# more\na: 1\n")
    assert presets.titles()["mine"] == "A title."


# What can go wrong


def test_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="preset 'quik' is unknown; did you mean quick\\?"):
        presets.merged(["quik"])


def test_unknown_preset_is_refused_with_all_there_are() -> None:
    with pytest.raises(UsageError, match="known: " + ", ".join(NAMES)):
        presets.changes("xyzxyz")


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
    presets.refuse_to_bury_edits()


def test_uncommitted_edits_of_params_are_not_buried(committed: None) -> None:
    apply("quick")
    with pytest.raises(UsageError, match="uncommitted edits"):
        presets.refuse_to_bury_edits()
    git("add", "-A")
    with pytest.raises(UsageError, match="uncommitted edits"):
        presets.refuse_to_bury_edits()


def test_edits_of_other_files_do_not_matter(committed: None) -> None:
    Path("presets/quick.yaml").write_text("# x\n")
    presets.refuse_to_bury_edits()


def test_without_a_repository_there_are_no_edits() -> None:
    presets.refuse_to_bury_edits()


def test_without_git_there_are_no_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    presets.refuse_to_bury_edits()
