"""What a user's files choose and state, from `check` to the prepared images."""

import io
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
from pgpipe.data.feeding.multires import ImageStore, read_labels, read_manifest
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


def contained(kind: str, names: list[str], tables: dict[str, str], own: Path) -> str:
    """The images of `own` by other names, with files beside them, as a folder, zip or tar."""
    held = {name: (own / old).read_bytes() for name, old in zip(names, sorted(NAMES), strict=True)}
    held |= {name: text.encode() for name, text in tables.items()}
    if kind == "folder":
        for name, data in held.items():
            (Path("held") / name).parent.mkdir(parents=True, exist_ok=True)
            (Path("held") / name).write_bytes(data)
        return "held"
    if kind == "zip":
        with zipfile.ZipFile("held.zip", "w") as archive:
            for name, data in held.items():
                archive.writestr(name, data)
    else:
        with tarfile.open("held.tar", "w") as tar:
            for name, data in held.items():
                member = tarfile.TarInfo(f"./{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return f"held.{kind}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
@pytest.mark.parametrize("labels", ["dataset.json", "source", "labels.csv"])
def test_names_count_from_where_the_file_lies_in_every_container(
    kind: str, labels: str, own: Path, command: Run
) -> None:
    """NVIDIA's tool in a folder of the set; names in the list count from the top."""
    inner = [f"{n // 4:05d}/img{n:08d}.png" for n in range(8)]
    official = json.dumps({"labels": [[name, n % 3] for n, name in enumerate(inner)]})
    rows = "".join(f"{name};{n % 3}\n" for n, name in enumerate(inner))
    tables = {"set/dataset.json": official, "list.txt": "\n".join(f"set/{n}" for n in inner[:6])}
    if labels == "labels.csv":
        tables["set/labels.csv"] = f"Name;Label\n{rows}"
    path = contained(kind, [f"set/{name}" for name in inner], tables, own)
    choose(name=kind, path=path, labels=labels, list="list.txt", resolution="64")
    code, _, stderr = command("check")
    assert (code, "dataset.json of the set states the labels" in stderr) == (0, labels == "source")
    for stage in ("download", "prepare"):
        assert command(stage)[0] == 0
    manifest = read_manifest(MULTIRES)
    assert (manifest["count"], manifest["rejected"]) == (6, [])
    assert bool(manifest["notes"]) == (labels == "source")
    assert found_labels() == [str(n % 3) for n in range(6)]


def test_samples_of_shards_are_named_as_their_images_are(own: Path, command: Run) -> None:
    Path("shards").mkdir()
    with tarfile.open("shards/train-0.tar", "w") as tar:
        for number, name in enumerate(sorted(NAMES)):
            tar.add(own / name, f"sub/{number:06d}.png")
    rows = "".join(f"{n:06d}.png,{n % 3}\n" for n in range(8))
    Path("shards/labels.csv").write_text(f"name,label\n{rows}")
    choose(name="webdataset", path="shards", labels="labels.csv", resolution="64")
    assert command("check")[::2] == (0, "")
    prepared(command)
    assert found_labels() == [str(n % 3) for n in range(8)]


def test_check_says_where_no_name_is_that_of_an_image(own: Path, command: Run) -> None:
    (own / "labels.csv").write_text("name,label\nx.png,1\n")
    choose(labels="labels.csv", resolution="64")
    code, _, stderr = command("check")
    assert code == 2
    assert stderr == (
        "pgpipe: error: labels.csv: none of its 1 names is that of an image: it has 'x.png', and "
        "the images have names such as 'a/0.png'\n"
    )


def test_class_folders_that_are_links_count_alike_everywhere(own: Path, command: Run) -> None:
    (own / "b").rename("elsewhere")
    (own / "b").symlink_to(Path("elsewhere").absolute())
    (own / "b/back").symlink_to(own)
    choose(resolution="64")
    assert command("check")[0] == 0
    code, text, _ = command("data", "check")
    assert code == 0
    assert "images        8," in text
    for stage in ("download", "prepare"):
        assert command(stage)[0] == 0
    manifest = read_manifest(MULTIRES)
    assert manifest["per_label"] == {"a": 4, "b": 4}


def test_images_beside_classes_are_told_and_kept_in_the_manifest(own: Path, command: Run) -> None:
    (own / "top.png").write_bytes((own / "a/0.png").read_bytes())
    choose(resolution="64")
    told = "images without a label, among others that have one, are left out: 1, the first is 'top"
    code, _, stderr = command("check")
    assert (code, told in stderr) == (0, True)
    assert f"warning: {told}" in command("data", "check")[1]
    for stage in ("download", "prepare"):
        assert command(stage)[0] == 0
    manifest = read_manifest(MULTIRES)
    assert manifest["per_label"] == {"a": 4, "b": 4}
    assert manifest["notes"][0].startswith(told)


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
        {"labels": "dataset.json", "classes": ["3", "4"], "images": 5000},
        {"crop": "box", "boxes": "b.csv", "background": "#12aBeF", "list": "l.txt"},
    ):
        document["dataset"] |= {"name": "folder", "crop": "center", "boxes": "", **values}
        check.check(document, "params.yaml")
