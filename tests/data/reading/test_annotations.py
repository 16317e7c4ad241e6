"""What a user's files say of images: every documented form, and one line for every other."""

import json
from pathlib import Path
from typing import Any

import pytest
from publishedsets import write_tar
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import annotations, bounds, rawzip, tables
from pgpipe.data.reading.annotations import Annotations
from pgpipe.errors import IntegrityError, PgpipeError, UsageError


def read(raw: Path, content: str | bytes, **values: str) -> Annotations:
    """The annotations of a data set with one file."""
    ((key, name),) = values.items()
    (raw / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    crop = {"crop": "box"} if key == "boxes" else {}
    chosen = {"name": "folder", key: name, **crop}
    return annotations.read(DatasetSection(**{**VALID["dataset"], **chosen}), raw)


def labels(raw: Path, content: Any, name: str = "labels.csv") -> dict[str, str]:
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    found = read(raw, text, labels=name).labels
    assert found is not None
    return found


def test_labels_of_csv(tmp_path: Path) -> None:
    found = labels(tmp_path, 'name,label\na.png,cat\n"b, c.png","a ""big"" dog"\n')
    assert found == {"a.png": "cat", "b, c.png": 'a "big" dog'}


def test_columns_may_come_in_any_order_with_others(tmp_path: Path) -> None:
    assert labels(tmp_path, "\ufeffsplit,label,name\r\ntrain,cat,a.png\r\n") == {"a.png": "cat"}


@pytest.mark.parametrize(
    "text",
    [
        "name;label\na.png;cat\n",
        "Name\tLABEL\na.png\tcat\n",
        "name  label\na.png cat\n",
        "\n name , Label \na.png,  cat \n\n",
        '"name";"label"\n"a.png";"cat"\n',
        "\ufeff'split';name;label;\r\ntrain;a.png;cat;\r\n",
        "name;label\na.png;cat\n".encode("utf-16"),
    ],
)
def test_columns_however_they_are_separated_and_written(text: str | bytes, tmp_path: Path) -> None:
    assert labels(tmp_path, text) == {"a.png": "cat"}


def test_empty_labels_and_null_are_none(tmp_path: Path) -> None:
    assert labels(tmp_path, "name,label\na,10\nb,\nc, \nd,9") == {
        "a": "10",
        "b": "",
        "c": "",
        "d": "09",
    }
    assert labels(tmp_path, {"labels": [["a", None], ["b", 0]]}, "l.json") == {"a": "", "b": "0"}
    assert labels(tmp_path, {"labels": None}, "l.json") == {}


IMAGES = ["top/set/a.png", "top/set/b/c.png"]


@pytest.mark.parametrize("folder", ["", "top/", "top/set/", "elsewhere/"])
@pytest.mark.parametrize("start", ["", "./", "set/", "top/set/", "top\\\\set\\\\"])
def test_names_count_from_the_file_the_top_or_the_folder_of_all(folder: str, start: str) -> None:
    names = [f"{start}a.png", f"{start}b/c.png", "more.png"]
    ways = {folder, "", "top/set/"}  # that fit
    if any(annotations.plain(way + names[0]) == IMAGES[0] for way in ways):
        found = annotations.fitted(dict.fromkeys(names), "l.csv", folder, IMAGES)
        assert found == dict(zip(IMAGES, names, strict=False))
    else:
        with pytest.raises(UsageError, match=r"none of its 3 names is that of an image: it has"):
            annotations.fitted(dict.fromkeys(names), "l.csv", folder, IMAGES)


def test_names_may_be_without_ending_where_that_is_clear() -> None:
    """Samples of WebDataset have none, and files of names often have: of CelebA, for instance."""
    images = ["sub/000001", "sub/000002"]
    files = {"000001.jpg": 0, "000002.jpg": 1}
    assert annotations.fitted(files, "l.csv", "", images) == dict(zip(images, files, strict=True))
    swapped = annotations.fitted(dict.fromkeys(images), "l.csv", "", [f"{i}.png" for i in images])
    assert swapped == {f"{image}.png": image for image in images}
    both = ["a.jpg", "a.png", "b.png"]
    assert annotations.fitted({"a.jpg": 0, "b": 1}, "l.csv", "", both) == {"a.jpg": "a.jpg"}


def test_names_compare_in_one_form_of_accents() -> None:
    assert annotations.fitted({"Ka\u0308se.png": 0}, "l.csv", "", ["K\u00e4se.png"]) == {
        "K\u00e4se.png": "Ka\u0308se.png"
    }


def test_labels_of_the_official_tools(tmp_path: Path) -> None:
    content = {"labels": [["00000/img00000000.png", 6], ["00000/img00000001.png", 9]]}
    found = labels(tmp_path, content, "dataset.json")
    assert found == {"00000/img00000000.png": "6", "00000/img00000001.png": "9"}


def test_labels_of_a_mapping(tmp_path: Path) -> None:
    assert labels(tmp_path, {"a": "x", "labels": "y"}, "l.json") == {"a": "x", "labels": "y"}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_numbers_sort_as_numbers(kind: str, tmp_path: Path) -> None:
    numbers = {"a": 9, "b": 10, "c": 100}
    rows = "\n".join(f"{name},{number}" for name, number in numbers.items())
    content = numbers if kind == "json" else f"name,label\n{rows}"
    found = labels(tmp_path, content, f"l.{kind}")
    assert sorted(found, key=lambda name: found[name]) == ["a", "b", "c"]
    assert {name: int(label) for name, label in found.items()} == numbers


def test_numbers_among_texts_are_texts(tmp_path: Path) -> None:
    assert labels(tmp_path, {"a": 9, "b": "cat"}, "l.json") == {"a": "9", "b": "cat"}


def test_boxes(tmp_path: Path) -> None:
    found = read(tmp_path, "name,left,top,width,height\na.png,1,2,30,40\n", boxes="b.csv").boxes
    assert found == {"a.png": (1, 2, 30, 40)}


def test_names(tmp_path: Path) -> None:
    found = read(tmp_path, "a.png\r\n\n  b c.png \n", list="l.txt")
    assert found.names is not None
    assert [*found.names] == ["a.png", "b c.png"]
    assert found.folders == {"l.txt": ""}


LABELS_2 = [
    ("name\na", "no column 'label'"),
    ("", "no column 'name': its first line has nothing, expected name,label"),
    ("b.png,cat\n", "no column 'name': its first line has 'b.png', 'cat', expected name,label"),
    ("name label\nmy cat.png cat", "line 2 has too many columns; put names in quotes"),
    ("name,label\na", "line 2 has too few columns"),
    ("name,label\na,1\na,1", "'a' is in it twice"),
]
JSON_2 = [
    ({"labels": [["a", 1], ["a", 2]]}, "'a' is in it twice"),
    ({"labels": [["a"]]}, "is not a name with a label"),
    ({"labels": [[1, "a"]]}, "is not a name with a label"),
    ({"labels": [["a", [0, 1]]]}, "is neither text nor"),
    ({"a": True}, "is neither text nor"),
    ({"a": -1}, "is neither text nor"),
    ({"a": 1.5}, "is neither text nor"),
    ('{"a": 1, "a": 1}', "'a' is in it twice"),
]
JSON_3 = ["[1, 2]", "3", "", "{", '{"a": 1' + "0" * 30 + "}", "[" * 100_000, b"\xff\xfe{}"]
BOXES_2 = [
    ("name,left,top,width\na,1,1,1", "no column 'height'"),
    ("name,left,top,width,height\na,1,1,1,-1", "1,1,1,-1 are not whole pixels"),
    ("name,left,top,width,height\na,1,1,1.5,1", "are not whole pixels"),
    ("name,left,top,width,height\na,1,1,0,1", "'a': a box without pixels"),
]
WRONG = [
    *(("labels", "l.csv", content, UsageError, reason) for content, reason in LABELS_2),
    *(("labels", "l.json", content, UsageError, reason) for content, reason in JSON_2),
    *(("labels", "l.json", c, IntegrityError, "not a readable") for c in JSON_3),
    ("labels", "l.csv", 'name,label\n"a,b', IntegrityError, "not a readable CSV"),
    ("labels", "l.csv", b"name,label\n\xff,b", IntegrityError, "not a readable text"),
    *(("boxes", "b.csv", content, UsageError, reason) for content, reason in BOXES_2),
    ("list", "l.txt", "a\nb\na\n", UsageError, "'a' is in it twice"),
    ("list", "l.txt", b"\xff", IntegrityError, "not a readable text"),
]


@pytest.mark.parametrize(("key", "name", "content", "kind", "reason"), WRONG)
def test_what_is_wrong_is_one_line_that_names_the_file(
    key: str, name: str, content: Any, kind: type[PgpipeError], reason: str, tmp_path: Path
) -> None:
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    with pytest.raises(kind, match=reason) as caught:
        read(tmp_path, text, **{key: name})
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("member", ["labels.csv", "set/labels.csv"])
def test_files_may_be_in_the_zip_of_the_images(member: str, tmp_path: Path) -> None:
    content = [
        ("set/a.png", b"image"),
        ("set/deep/labels.csv", b"no"),
        (member, b"name,label\na,b"),
    ]
    rawzip.pack(content, tmp_path / "images.zip")
    dataset = DatasetSection(**{**VALID["dataset"], "name": "zip", "labels": "labels.csv"})
    assert annotations.read(dataset, tmp_path).labels == {"a": "b"}


def test_a_file_that_is_nowhere_is_named(tmp_path: Path) -> None:
    dataset = DatasetSection(**{**VALID["dataset"], "name": "zip", "labels": "labels.csv"})
    with pytest.raises(UsageError, match=r"labels\.csv: not in the data set"):
        annotations.read(dataset, tmp_path)


# What a table may become


@pytest.mark.parametrize("place", ["labels.csv", "deep/labels.csv"])
def test_table_that_is_too_large_is_not_read(place: str, tmp_path: Path) -> None:
    """5 GB, which take no room on the disk: whatever asks for them, nothing is copied."""
    file = tmp_path / "own" / place
    file.parent.mkdir(parents=True)
    with file.open("wb") as sparse:
        sparse.truncate(5 << 30)
    (tmp_path / "raw").mkdir()
    tables.fetch(tmp_path / "own", tmp_path / "raw")
    assert not list((tmp_path / "raw").iterdir())
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder", "labels": "labels.csv"})
    for reads in (tables.require, annotations.read):
        with pytest.raises(IntegrityError, match=r"5368709120 bytes, at most 134217728 are read"):
            reads(dataset, tmp_path / "own")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_table_in_an_archive_has_the_same_bound(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"name,label\na,b"
    if kind == "zip":
        rawzip.pack([("labels.csv", data)], tmp_path / "x.zip")
    else:
        write_tar(tmp_path / "x.tar", {"labels.csv": data}, "w")
    dataset = DatasetSection(**{**VALID["dataset"], "name": kind, "labels": "labels.csv"})
    assert annotations.read(dataset, tmp_path).labels == {"a": "b"}
    monkeypatch.setattr(bounds, "TABLE_BYTES", len(data) - 1)
    with pytest.raises(IntegrityError, match=r"'labels\.csv': .*14 bytes, at most 13 are read"):
        annotations.read(dataset, tmp_path)


def test_names_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TABLE_ROWS", 3)
    assert read(tmp_path, "a\nb\nc\n", list="names.txt").names == dict.fromkeys("abc")
    with pytest.raises(IntegrityError, match=r"names\.txt: at most 3 names are read"):
        read(tmp_path, "a\nb\nc\nd\n", list="names.txt")


def test_endless_accents_take_no_time() -> None:
    """Ordering them takes the square of their number."""
    name = "a" + "\u0301\u0316" * 100_000
    assert annotations.fitted({name: None}, "x", "", [name]) == {name: name}
