import getpass
import subprocess
from pathlib import Path

import pytest

from pgpipe.tracking.identity import colour, summary_run, this_run


def key(made_of: str = "code and data") -> str:
    return this_run("train", "e", made_of).key


def edit(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def test_the_key_ignores_the_section_tracking_and_the_stage(project: Path) -> None:
    before = key()
    edit("params.yaml", "experiment: ours", "experiment: theirs")
    assert this_run("report", "other", "code and data").key == before


def test_the_key_follows_parameters_code_and_data(project: Path) -> None:
    before = key()
    assert key("edited code or other images") != before
    edit("params.yaml", "minibatch: 16", "minibatch: 17")
    changed = key()
    edit("params.yaml", "minibatch: 17", "minibatch: 16")
    assert key() == before != changed


def test_parameters_are_flat_and_without_the_section_tracking(project: Path) -> None:
    params = this_run("train", "e", "").params
    assert params["train.learning_rate"] == "0.001"
    assert params["growth.phases.r8.res"] == "8"
    assert not [name for name in params if name.startswith("tracking")]


def test_the_name_is_the_revision_or_the_experiment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert this_run("train", "e", "").name == "unversioned"
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], check=True)
    clean = this_run("train", "e", "")
    assert clean.tags["mlflow.source.git.commit"].startswith(clean.name)
    edit("pgpipe/loss.py", "10", "11")
    assert this_run("train", "e", "").name == f"{clean.name}-dirty"
    monkeypatch.setenv("DVC_EXP_NAME", "brave-hare")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123abc")
    run = this_run("train", "e", "")
    assert run.name == run.tags["dvc.experiment"] == "brave-hare"
    assert run.tags["mlflow.source.git.commit"] == "0123abc"


def test_tags_name_versions_and_the_lock_file(project: Path) -> None:
    Path("dvc.lock").write_text("schema: '2.0'\n")
    tags = this_run("train@r4", "e", "").tags
    assert tags["pgpipe.stage"] == "train@r4"
    assert len(tags["dvc.lock"]) == 64
    assert {"version.python", "version.torch", "version.mlflow", "version.dvc"} <= set(tags)


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2.2 defines it."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted([light(one), light(other)])
    return (high + 0.05) / (low + 0.05)


def test_a_run_has_a_colour_that_is_legible_on_light_and_dark_pages(project: Path) -> None:
    run = this_run("train", "e", "")
    assert (
        run.tags["mlflow.runColor"]
        == colour(run.key)
        == this_run("report", "e", "").tags["mlflow.runColor"]
    )
    assert summary_run("table1", "e").tags["mlflow.runColor"].startswith("#")
    hues = [colour(f"{n << 28:08x}" + 8 * "0") for n in range(16)]
    assert len(set(hues)) == 16
    for each in hues:
        assert contrast(each, "#ffffff") > 4.2
        assert contrast(each, "#1f272d") > 2.9


def test_tags_say_who_and_where_without_passwords(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-qb", "trunk"], check=True)
    address = "https://me:secret@example.org/p.git"
    subprocess.run(["git", "remote", "add", "origin", address], check=True)
    tags = this_run("train", "e", "").tags
    assert tags["mlflow.user"] == getpass.getuser()
    assert (tags["mlflow.source.type"], tags["mlflow.source.name"]) == ("LOCAL", str(project))
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/p.git"
    assert tags["mlflow.source.git.branch"] == "trunk"

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert "mlflow.user" not in this_run("train", "e", "").tags
