"""Which images are taken: by name, class and number; whatever is wrong is told before the first."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading.annotations import Annotations
from pgpipe.data.reading.choice import chosen, decided, spread
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.reading.square import Box
from pgpipe.data.sources.source import Source
from pgpipe.errors import UsageError

ITEMS: list[tuple[str, str]] = [(f"{'abc'[n % 3]}/{n:02d}.png", "abc"[n % 3]) for n in range(30)]
NAMES = [name for name, _ in ITEMS]
LAYOUT = Layout(dict(ITEMS))
NO_NOTES = Annotations()


def annotated(**values: Any) -> Annotations:
    """What files at the top of the set say, by the parameter that names each."""
    return Annotations(**values, folders=dict.fromkeys(FILES.values(), ""))


FILES = {"labels": "l.csv", "boxes": "b.csv", "list": "l.txt"}


def items() -> Iterator[Item]:
    return ((b"", label, name) for name, label in ITEMS)


def choose(notes: Annotations = NO_NOTES, **values: Any) -> list[tuple[str, str]]:
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder", **values})
    taken = decided(LAYOUT, dataset, notes).of(items())
    return [(name, label) for _, label, name in taken]


def test_a_source_without_choice_is_not_read_for_it(tmp_path: Path) -> None:
    def read(_: Path) -> Iterator[Item]:
        raise AssertionError

    dataset = DatasetSection(**{**VALID["dataset"], "name": "npz"})
    choice = chosen(Source(print, read), tmp_path, dataset)
    assert [name for _, _, name in choice.of(items())] == NAMES


def test_no_labels() -> None:
    assert choose(labels="none") == [(name, "") for name in NAMES]


def test_labels_of_a_file() -> None:
    known = {name: f"{n % 2}" for n, name in enumerate([*NAMES, "of no image"])}
    found = choose(annotated(labels=known), labels="l.csv")
    assert found == [(name, f"{n % 2}") for n, name in enumerate(NAMES)]


def test_images_without_a_label_are_left_out_where_others_have_one() -> None:
    known = {name: "x" if n < 20 else "" for n, name in enumerate(NAMES)}
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder", "labels": "l.csv"})
    choice = decided(LAYOUT, dataset, annotated(labels=known))
    assert choice.labels == dict.fromkeys(NAMES[:20], "x")
    (told,) = choice.notes
    assert "are left out: 10, the first is 'c/20.png'" in told


def test_no_label_at_all_leaves_all_images() -> None:
    for known in ({}, dict.fromkeys(NAMES, "")):
        assert choose(annotated(labels=known), labels="l.csv") == [(name, "") for name in NAMES]


def test_own_file_of_the_set_comes_before_its_folders() -> None:
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder"})
    for known in (dict.fromkeys(NAMES, "x"), {}):
        own = Annotations(labels=known, folders={"dataset.json": ""})
        choice = decided(LAYOUT, dataset, NO_NOTES, own)
        assert choice.labels == {name: known.get(name, "") for name in NAMES}
        assert choice.notes[0].startswith("dataset.json of the set states ")


def test_unclear_classes_are_asked_about_unless_the_user_says() -> None:
    layout = LAYOUT._replace(unclear="which?")
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder"})
    with pytest.raises(UsageError, match=r"^dataset\.path: which\?$"):
        decided(layout, dataset, NO_NOTES)
    for said in ({"labels": "none"}, {"classes": ("a",)}):
        assert decided(layout, dataset.model_copy(update=said), NO_NOTES).labels


def test_classes_and_names_together_in_the_order_of_the_source() -> None:
    names = dict.fromkeys(NAMES[12:20:-1] + NAMES[:10])
    found = choose(annotated(names=names), list="l.txt", classes=["c", "a"])
    assert found == [item for item in ITEMS if item[0] in names and item[1] != "b"]


def test_classes_are_those_of_the_file_of_labels() -> None:
    known = {name: "old" if n < 7 else "new" for n, name in enumerate(NAMES)}
    found = choose(annotated(labels=known), labels="l.csv", classes=["old"])
    assert [name for name, _ in found] == NAMES[:7]


def test_files_that_lie_beside_the_images_are_none() -> None:
    notes = Annotations(folders={"03.png": ""})
    assert [name for name, _ in choose(notes, labels="none")] == NAMES[:3] + NAMES[4:]


@pytest.mark.parametrize("images", [1, 2, 7, 29, 30])
def test_so_many_are_spread_evenly(images: int) -> None:
    found = [NAMES.index(name) for name, _ in choose(images=images)]
    assert len(set(found)) == images
    assert found == sorted(found)
    for part, place in enumerate(found):  # one of each of as many parts
        assert part * 30 // images <= place < (part + 1) * 30 // images


def test_the_number_is_of_what_classes_leave() -> None:
    found = choose(images=5, classes=["b"])
    assert len(found) == 5
    assert {label for _, label in found} == {"b"}


def test_a_seed_draws_others_and_each_place_is_as_likely() -> None:
    counts = np.sum([spread(100, 10, seed) for seed in range(2000)], axis=0)
    assert counts.sum() == 20_000
    # binomial with p = 0.1: 200 +- 13.4
    assert counts.min() > 200 - 5 * 13.4
    assert counts.max() < 200 + 5 * 13.4


def test_the_subset_is_the_same_on_every_machine() -> None:
    """SplitMix64 of (seed, "subset", 0), written out with Python's integers."""

    def mix(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    key = mix(mix((mix(7) + zlib.crc32(b"subset")) % 2**64))
    draws = [mix((key + n * 0x9E3779B97F4A7C15) % 2**64) >> 40 for n in range(1, 5)]
    expected = [25 * part + 25 * draw // 2**24 for part, draw in enumerate(draws)]
    assert np.flatnonzero(spread(100, 4, 7)).tolist() == expected


BOX = Box(0, 0, 1, 1)
WRONG: list[tuple[Annotations, dict[str, Any], str]] = [
    (annotated(labels=dict.fromkeys(NAMES[:9], "x")), {"labels": "l.csv"}, NAMES[9]),
    (annotated(boxes=dict.fromkeys(NAMES[:4], BOX)), {"boxes": "b.csv", "crop": "box"}, NAMES[4]),
    (annotated(names=dict.fromkeys(["zz", "yy", NAMES[0]])), {"list": "l.txt"}, "yy"),
    (Annotations(), {"classes": ["a", "dog"]}, "dog"),
    (Annotations(), {"images": 31}, "dataset.images: 31 is not <= 30"),
]


@pytest.mark.parametrize(("notes", "values", "told"), WRONG)
def test_what_is_wrong_is_told_before_the_first_image(
    notes: Annotations, values: dict[str, Any], told: str
) -> None:
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder", **values})
    with pytest.raises(UsageError, match=told) as caught:
        decided(LAYOUT, dataset, notes)
    assert "\n" not in str(caught.value)
