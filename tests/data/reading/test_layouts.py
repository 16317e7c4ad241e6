"""Which folders are classes, for every kind of set that people have, by names alone."""

from collections.abc import Iterable

import pytest

from pgpipe.data.reading import layouts


def files(**counts: int) -> list[str]:
    """So many images in each folder; "_" is a slash, "top" the top."""
    return [
        f"{'' if folder == 'top' else folder.replace('_', '/') + '/'}{number:03d}.png"
        for folder, count in counts.items()
        for number in range(count)
    ]


def classes(names: Iterable[str]) -> dict[str, int]:
    """How many files have each label."""
    found = layouts.of(names).labels
    return {label: [*found.values()].count(label) for label in sorted({*found.values()})}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (files(top=3), {"": 3}),
        (files(cat=2, dog=3), {"cat": 2, "dog": 3}),
        (files(set_cat=2, set_dog=3), {"cat": 2, "dog": 3}),
        (files(a_b_c_cat=2, a_b_c_dog=3), {"cat": 2, "dog": 3}),
        (files(cat_deep=2, cat=1, dog=3), {"cat": 3, "dog": 3}),
        (files(train_cat=2, train_dog=1, test_cat=1, test_dog=1), {"cat": 3, "dog": 2}),
        (files(set_Train_cat=2, set_Val_dog=1), {"cat": 2, "dog": 1}),
        (files(train=2, test=1), {"": 3}),
        (files(images_train_cat=2, images_val_dog=1), {"cat": 2, "dog": 1}),
        (files(train_images_cat=2, train_images_dog=1), {"cat": 2, "dog": 1}),
        (files(train=2, bus=1), {"bus": 1, "train": 2}),
        (files(test=2, cat=1, train=1), {"cat": 1, "test": 2, "train": 1}),
        ([*files(set_cat=1, set_dog=1), "set/dataset.json", "a.md"], {"": 2, "cat": 1, "dog": 1}),
        ([*files(images=3), "annotations/a.txt", "annotations/b.txt"], {"": 5}),
        (["cat/1", "cat/2", "dog/1"], {"cat": 2, "dog": 1}),
        (["ä ö/1.png", "new\nline/1.png", "cat"], {"": 1, "new\nline": 1, "ä ö": 1}),
        (["0/1.png", "1/2.png"], {"0": 1, "1": 1}),
        ([], {}),
    ],
)  # fmt: skip
def test_classes(names: list[str], expected: dict[str, int]) -> None:
    layout = layouts.of(names)
    assert classes(names) == expected
    assert not layout.unclear


OFFICIAL = [f"{n // 1000:05d}/img{n:08d}.png" for n in (0, 1, 999, 1000, 2000)]
OTHERS = [f"{n // 10:05d}/img{n:08d}.png" for n in (0, 9, 13, 19, 23)]
FFHQ = [f"{n // 1000 * 1000:05d}/{n:05d}.png" for n in (0, 999, 1000, 69999)]


@pytest.mark.parametrize("names", [OFFICIAL, OTHERS, FFHQ, [f"set/{name}" for name in OFFICIAL]])
def test_folders_that_number_images_are_no_classes(names: list[str]) -> None:
    layout = layouts.of([*names, "dataset.json"])
    assert {*layout.labels.values()} == {""}
    (told,) = layout.notes
    assert "number the images, as the official tools do, and are no classes" in told


def test_folders_of_digits_that_do_not_number_images_are_classes() -> None:
    assert classes(["00000/000000000.png", "00001/00000001.png"]) == {"00000": 1, "00001": 1}
    assert classes(["00000/00000.png", "01000/00001.png"]) == {"00000": 1, "01000": 1}


def test_images_beside_classes_have_no_label() -> None:
    assert classes(files(top=10, cat=10, dog=10)) == {"": 10, "cat": 10, "dog": 10}
    assert not layouts.of(files(top=20, cat=10, dog=10)).unclear


def test_more_images_beside_folders_than_in_them_are_asked_about() -> None:
    unclear = layouts.of(files(top=21, cat=10, dog=10)).unclear
    assert unclear.startswith("21 images lie beside the folders cat/, dog/, more than the 20 in")
    assert "dataset.labels to none" in unclear


def test_a_single_folder_beside_images_is_no_class() -> None:
    layout = layouts.of(files(top=3, more=2))
    assert {*layout.labels.values()} == {""}
    assert layout.notes == ["more/ lies beside 3 images, so it is no class: no labels"]


def test_parts_in_several_files_are_told() -> None:
    (told,) = layouts.shards(["train-00000-of-00002", "train-00001-of-00002", "Test_0", "other"])
    assert told.startswith("test, train are parts of one set, no classes: all of them are taken")
    for stems in (["train-00000"], ["training", "other"], ["a", "b"], []):
        assert layouts.shards(stems) == []


def test_parts_of_a_set_are_told() -> None:
    (told,) = layouts.of(files(train_cat=1, test_cat=1, train_dog=1)).notes
    assert told.startswith("test/, train/ are parts of one set, no classes: all of them are taken")
