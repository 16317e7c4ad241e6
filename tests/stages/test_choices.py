"""What a user's files choose and state, from `check` to the prepared images."""

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyparams import ROOT, refusal
from tinyproject import Run

from pgpipe.config import load_yaml
from pgpipe.data.multires import ImageStore, read_labels, read_manifest
from stages import check
from stages.paths import MULTIRES

NAMES = [f"{'ab'[n % 2]}/{n}.png" for n in range(8)]


def pixels(number: int) -> Any:
    return np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)


@pytest.fixture
def own(project: Path) -> Path:
    """A folder of eight images of two labels."""
    for number, name in enumerate(NAMES):
        file = project / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number)).save(file)
    return project / "own"


def choose(**values: str) -> None:
    """The tests' parameters with the folder `own` and these values, as YAML."""
    chosen = {"name": "folder", "path": "own", "resolution": "16", **values}
    lines = (ROOT / "tests/params.yaml").read_text().splitlines()
    for key, value in chosen.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {key}: "))
        lines[at] = f"  {key}: {value}"
    Path("params.yaml").write_text("\n".join(lines))


def prepared(command: Run) -> dict[str, Any]:
    for stage in ("download", "prepare"):
        code, _, stderr = command(stage)
        assert (code, stderr) == (0, "")
    return read_manifest(MULTIRES)


def found_labels() -> list[str]:
    names = read_manifest(MULTIRES)["labels"]
    return [names[number] for number in read_labels(MULTIRES)]


def test_labels_of_a_file_are_those_of_now(own: Path, command: Run) -> None:
    ordered = sorted(NAMES)
    for turn in range(2):
        known = {name: "xyz"[(n + turn) % 3] for n, name in enumerate(ordered)}
        rows = "".join(f"{name},{label}\n" for name, label in known.items())
        (own / "labels.csv").write_text(f"name,label\n{rows}")
        choose(labels="labels.csv")
        manifest = prepared(command)
        assert (manifest["count"], manifest["rejected"]) == (8, [])
        assert found_labels() == [known[name] for name in ordered]


@pytest.mark.parametrize("top", ["", "set/"])
def test_official_labels_lie_in_the_zip(top: str, own: Path, command: Run) -> None:
    ordered = sorted(NAMES)
    known = {f"{top}{name}": n % 3 for n, name in enumerate(ordered)}
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.writestr(f"{top}dataset.json", json.dumps({"labels": [*map(list, known.items())]}))
        for name in ordered:
            archive.write(own / name, f"{top}{name}")
    choose(path="own.zip", labels="dataset.json")
    manifest = prepared(command)
    assert (manifest["count"], manifest["rejected"]) == (8, [])
    assert found_labels() == [str(n % 3) for n in range(8)]


def test_listed_images_are_cut_by_their_boxes(own: Path, command: Run) -> None:
    (own / "list.txt").write_text("b/5.png\na/2.png\n")
    rows = "a/2.png,3,4,16,16\nb/5.png,10,20,18,16\n"
    (own / "boxes.csv").write_text(f"name,left,top,width,height\n{rows}")
    choose(list="list.txt", crop="box", boxes="boxes.csv")
    prepared(command)
    images = ImageStore(MULTIRES / "r16").take(np.arange(2))
    np.testing.assert_array_equal(images[0], pixels(2)[4:20, 3:19])
    np.testing.assert_array_equal(images[1], pixels(5)[20:36, 11:27])
    assert found_labels() == ["a", "b"]


def test_arrays_are_chosen_by_their_names(project: Path, command: Run) -> None:
    (project / "own").mkdir()
    images = np.stack([pixels(n)[:16, :16] for n in range(10)])
    np.savez(project / "own/set.npz", images=images, labels=np.arange(10) % 2)
    (project / "own/list.txt").write_text("images/0000003\nimages/0000004\nimages/0000007\n")
    choose(name="npz", list="list.txt", classes="['1']")
    prepared(command)
    found = ImageStore(MULTIRES / "r16").take(np.arange(2))
    np.testing.assert_array_equal(found, images[[3, 7]])


def test_a_name_that_the_labels_lack_is_one_line_of_exit_2(own: Path, command: Run) -> None:
    (own / "labels.csv").write_text("name,label\na/0.png,x\n")
    choose(labels="labels.csv")
    assert command("download")[0] == 0
    code, _, stderr = command("prepare")
    assert (code, stderr) == (
        2,
        "pgpipe: error: labels.csv: no label for 'a/2.png' (1 of 8 images have one)\n",
    )


@pytest.mark.parametrize("path", ["own", "own.tar", "own.zip"])
def test_a_file_that_is_not_there_is_refused_first(path: str, own: Path, command: Run) -> None:
    tarfile.open("own.tar", "w").close()
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.writestr("a.png", b"")
    choose(path=path, resolution="64", crop="box", boxes="boxes.csv")
    code, _, stderr = command("check")
    assert code == 2
    assert stderr == (
        f"pgpipe: error: dataset.boxes: boxes.csv: not in dataset.path ({path}), the folder or "
        "archive that has to hold it\n"
    )


def in_section(**values: Any) -> dict[str, Any]:
    return {f"dataset__{key}": value for key, value in {"name": "folder", **values}.items()}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"crop": "box"}, "boxes: crop: box needs the name of a .csv file"),
        ({"boxes": "b.csv"}, "boxes: 'b.csv' is not '': crop is center, not box"),
        ({"crop": "box", "boxes": "b.txt"}, "boxes: 'b.txt' is not '', or the name of a .csv file"),
        ({"boxes": "../b.csv"}, "is not '', or the name of a .csv file"),
        ({"labels": "sorce"}, "'none', or the name of a .csv or .json file"),
        ({"list": "names"}, "or the name of a .txt file"),
        ({"labels": "none", "classes": ["a"]}, "classes: there are none, as labels is none"),
        ({"labels": "none"}, "train.label_conditioning: acgan has no use for no labels"),
        ({"background": "white"}, "background: 'white' is not a colour such as '#ffffff'"),
        ({"border": "#fff"}, "border: '#fff' is not a colour"),
        ({"images": -1}, "images: -1 is not >= 0"),
        ({"images": 100}, "score.swd_images: 2048 is not <= 50 (half of 100 images"),
        ({"name": "photos", "images": 5000}, "images: photos are made as they are"),
        ({"name": "photos", "classes": ["cat"]}, "classes: photos are made as they are"),
        ({"name": "photos", "labels": "none"}, "labels: photos are made as they are"),
        ({"name": "photos", "crop": "pad"}, "crop: photos are squares"),
        ({"lanczos_resolution": 48}, "48 is neither 0 nor a power of two >= resolution (64)"),
        ({"lanczos_resolution": 32}, "32 is neither 0 nor a power of two >= resolution (64)"),
        ({"lanczos_resolution": 64, "crop": "pad"}, "it has a use with crop center or box"),
        ({"name": "photos", "lanczos_resolution": 64}, "images that are not made here"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], told: str) -> None:
    assert told in refusal(**in_section(**values))


def test_what_makes_sense_is_accepted() -> None:
    document = load_yaml(ROOT / "tests/params.yaml")
    for values in (
        {"lanczos_resolution": 256},
        {"labels": "dataset.json", "classes": ["3"], "images": 5000},
        {"crop": "box", "boxes": "b.csv", "background": "#12aBeF", "list": "l.txt"},
    ):
        document["dataset"] |= {"name": "folder", "crop": "center", "boxes": "", **values}
        check.check(document, "params.yaml")
