"""Captions from a user's file to the scores, and one line for every trouble with them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyparams import ROOT, refusal, with_values
from tinyproject import Run

from pgpipe.data.feeding.multires import read_captions, read_manifest
from stages import check
from stages.paths import MULTIRES

COLOURS = ("red", "green", "blue", "white")
COUNT = 16


@pytest.fixture
def own(project: Path) -> Path:
    """Sixteen flat images in two folders, four of a colour, and what is to be seen."""
    rows = ["name,text"]
    for number in range(COUNT):
        name = f"{'ab'[number % 2]}/{number:02d}.png"
        colour = COLOURS[number // 4]
        (project / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), colour).save(project / "own" / name)
        rows.append(f'{name},"a  {colour} square, {number}"')
    (project / "own/captions.csv").write_text("\n".join(rows))
    return project / "own"


def choose(**values: Any) -> None:
    """The tests' parameters with the folder `own` and its captions, and these values."""
    chosen = {"name": "folder", "path": "own", "resolution": "16", "captions": "captions.csv"}
    chosen |= {"label_conditioning": "auto"}
    lines = (ROOT / "tests/params.yaml").read_text().splitlines()
    for key, value in {**chosen, **values}.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {key}: "))
        lines[at] = f"  {key}: {value}"
    Path("params.yaml").write_text("\n".join(lines))


def prepared(command: Run, **values: Any) -> dict[str, Any]:
    choose(**values)
    for stage in ("download", "prepare"):
        code, _, stderr = command(stage)
        assert (code, stderr) == (0, "")
    return read_manifest(MULTIRES)


def expected(*numbers: int) -> list[str]:
    return [f"a {COLOURS[number // 4]} square, {number}" for number in numbers]


EVEN, ODD = [*range(0, COUNT, 2)], [*range(1, COUNT, 2)]


def test_captions_lie_beside_the_images(own: Path, command: Run) -> None:
    manifest = prepared(command)
    assert (manifest["count"], manifest["captions"]) == (COUNT, COUNT)
    assert read_captions(MULTIRES) == expected(*EVEN, *ODD)
    assert "captions.npy" in manifest["arrays"], "with its hash"
    assert json.loads((MULTIRES / ".hashes.json").read_text())["captions.npy"]


def test_they_follow_what_is_chosen_and_what_is_held_out(own: Path, command: Run) -> None:
    assert prepared(command, classes="[b]")["captions"] == COUNT // 2
    assert read_captions(MULTIRES) == expected(*ODD)
    (own / "some.txt").write_text("a/02.png\nb/09.png\n")
    prepared(command, list="some.txt")
    assert read_captions(MULTIRES) == expected(2, 9)
    (own / "some.txt").unlink()
    manifest = prepared(command, held_out="0.4")
    kept = read_captions(MULTIRES)
    assert len(kept) == manifest["count"] == COUNT - manifest["held_out"] < COUNT
    pixels = np.load(MULTIRES / "r16/00000.npy")[:, 0, 0]
    named = [Image.new("RGB", (1, 1), text.split()[1]).getpixel((0, 0)) for text in kept]
    np.testing.assert_array_equal(pixels, named)


def test_they_are_shown_compared_and_extracted(own: Path, command: Run) -> None:
    prepared(command)
    assert re.search(r"captions +16 that differ", command("data", "show")[1])
    (own / "captions.csv").rename("first.csv")
    MULTIRES.rename("before")
    assert command("data", "extract", "before", "--to", "out")[0] == 0
    code, _, stderr = command("check")
    assert (code, stderr.count("\n")) == (2, 1)
    shutil.rmtree(own)
    Path("out").rename(own)
    prepared(command)
    assert command("data", "compare", "before", str(MULTIRES))[0] == 0
    text = (own / "captions.csv").read_text()
    (own / "captions.csv").write_text(text.replace("red square, 2", "blue square, 2"))
    prepared(command)
    code, told, _ = command("data", "compare", "before", str(MULTIRES))
    assert code == 1
    assert "captions: images that differ: 1 (1); 1: 'a red square, 2' and 'a blue squ" in told


def test_without_captions_nothing_of_them_is_written(own: Path, command: Run) -> None:
    (own / "captions.csv").unlink()
    manifest = prepared(command, captions="none")
    assert "captions" not in manifest
    assert read_captions(MULTIRES) == []
    assert not (MULTIRES / "captions.npy").exists()


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("name,text\na/00.png,x\n", 2, "captions.csv: no text for 'a/02.png' (1 of 16 images have"),
        ("name,text\na/00.png,\n", 2, "captions.csv: 'a/00.png': no text"),
        (f"name,text\na/00.png,{'x' * 501}\n", 2, "501 characters of text, at most 500 are read"),
        ("name,text\na/00.png,x\0y\n", 2, "captions.csv: 'a/00.png': its text has a NUL"),
        ("name,text\na/00.png,x\na/00.png,y\n", 2, "captions.csv: 'a/00.png' is in it twice"),
        ("name,label\na/00.png,x\n", 2, "captions.csv: no column 'text'"),
        ("name,text\nz.png,x\n", 2, "none of its 1 names is that of an image"),
        (b"name,text\na/00.png,\xff\xfe\x00x\n", 3, "captions.csv: not a readable text in UTF-8"),
        (None, 2, "dataset.captions: captions.csv: not in dataset.path"),
    ],
)
def test_each_trouble_is_one_line(
    text: str | bytes | None, code: int, told: str, own: Path, command: Run
) -> None:
    file = own / "captions.csv"
    file.unlink()
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    choose(resolution="64")
    found, _, stderr = command("check")
    assert (found, stderr.count("\n")) == (code, 1), stderr
    assert told in stderr


# Parameters

CAPTIONED = {"dataset__name": "folder", "dataset__captions": "c.csv"}


def test_captions_are_no_classes() -> None:
    assert refusal(**CAPTIONED, train__label_conditioning="acgan") == (
        "params.yaml: train.label_conditioning: acgan names classes, and captions are none; set it "
        "to auto, matching, projection or joint, or dataset.captions to none"
    )
    for fine in ("auto", "matching", "projection", False):
        values = with_values(**CAPTIONED, train__label_conditioning=fine)
        plan = check.plan_of(check.check(values, "params.yaml"))
        assert plan.spec.captions == bool(fine)
        assert plan.spec.condition == (256 if fine else 0)
        assert plan.spec.conditioning == (
            fine if fine in ("projection", "joint") else "matching" if fine else "acgan"
        )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"dataset__captions": "c.csv"}, "dataset: captions: photos are made as they are, so it"),
        ({"dataset__name": "folder", "dataset__captions": "c.txt"}, "dataset.captions: 'c.txt' is"),
        (
            {"dataset__name": "folder", "dataset__captions": "../c.csv"},
            "dataset.captions: '../c.cs",
        ),
    ],
)
def test_a_file_that_cannot_be_is_refused(values: dict[str, Any], told: str) -> None:
    assert refusal(**values).startswith(f"params.yaml: {told}")
