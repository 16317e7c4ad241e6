"""The page of a look at a data set: on its own, and all that the report says."""

import re
from typing import Any

import pytest
from test_page import Elements

from pgpipe.reporting.data_page import CLASSES, render

REPORT: dict[str, Any] = {
    "name": "folder", "path": "data/own", "resolution": 64, "color": "rgb", "crop": "center",
    "warnings": ["first of two", "second of two"], "images": 12345, "bytes": 1_500_000,
    "rejected": {"files": 3, "reasons": {"corrupt": 3}, "listed": [("cut.png", "corrupt")]},
    "stored": {"formats": {"JPEG": 12}, "modes": {"CMYK": 12}, "marks": {"animated": 1}},
    "sizes": {"smallest": (20, 90), "largest": (300, 150), "median_side": 71.5, "enlarged": 17,
              "by_side": {"16 to 31": 1, "32 to 63": 0, "64 to 127": 4}, "common": {"64x64": 2}},
    "aspect": {"smallest": 0.25, "median": 1.0, "largest": 2.5, "by_shape": {"square": 5}},
    "crops": {"outside": 0.125, "outside_most": 0.75, "celeba_refused": 4321},
    "labels": {"classes": 2, "smallest": "b", "largest": "a", "images": {"a": 30, "b": 15}},
    "duplicates": {
        "exact": {"groups": 1, "surplus": 2, "across_labels": 1, "listed": [["x", "y", "z"]]},
        "near": {"groups": 1, "surplus": 1, "across_labels": 0, "listed": [["p", "q"]]},
        "near_bits": 4, "complete": True,
    },
    "estimate": {"disk": {"models": 2_000_000}, "free": 10**9, "memory": {"train r4": 3 * 10**6}},
}  # fmt: skip


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("<main>")[2]).split())


def test_page_refers_to_nothing_outside_of_it() -> None:
    html = render(REPORT, b"sheet", [b"row"])
    elements = Elements(html)
    for tag, attributes in elements.found:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            value = attributes.get(name) or "data:"
            assert value.startswith(("data:", "#")), (tag, value)
    assert not elements.named("script")
    assert len(elements.named("img")) == 2
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert ".bars" in style
    assert not re.search(r"@import|url\(|https?:|//", style)


@pytest.mark.parametrize(
    "said",
    [
        "first of two", "second of two", "12,345 images", "1.5 MB", "64x64", "crop center",
        "20x90 to 300x150", "71.5", "17 images have fewer", "0.25 to 2.50, median 1.00",
        "12.5 % of an image on average, 75.0 % at most", "4,321, which are not", "CMYK 12",
        "animated 1", "3 files", "the first 1 are named", "cut.png corrupt",
        "Equal: 2 images in 1 groups", "several labels: 1", "x · y · z", "p · q", "2 classes",
        "models 2.0 MB", "train r4 3.0 MB", "1.0 GB of the disk",
    ],
)  # fmt: skip
def test_page_says(said: str) -> None:
    assert said in text_of(render(REPORT, b"sheet", [b"row"]))


def test_bars_are_as_long_as_the_numbers() -> None:
    html = render({**REPORT, "labels": {**REPORT["labels"]}}, b"")
    widths = re.findall(r"<th>(\w+)<td><span style=\"width: ([\d.]+)%\">", html)
    assert ("a", "100.00") in widths
    assert ("b", "50.00") in widths


def test_set_without_any_trouble_says_so() -> None:
    none = {"files": 0, "reasons": {}, "listed": []}
    labels = {"classes": 0, "smallest": "", "largest": "", "images": {}}
    text = text_of(render({**REPORT, "warnings": [], "rejected": none, "labels": labels}, b""))
    assert "Nothing to warn of" in text
    assert "0 files" in text
    assert "the images are of one class" in text


def test_of_many_classes_the_largest_and_the_smallest_are_shown() -> None:
    counts = {f"c{n:03d}": n for n in range(1, 101)}
    labels = {"classes": 100, "smallest": "c001", "largest": "c100", "images": counts}
    text = text_of(render({**REPORT, "labels": labels}, b""))
    shown = re.findall(r"c\d{3}", text)
    expected = [*range(100, 100 - CLASSES, -1), *range(CLASSES, 0, -1)]
    assert shown == [f"c{n:03d}" for n in expected]


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", '"><img src=x onerror=y>'])
def test_names_are_text_whatever_they_say(bad: str) -> None:
    changed = {
        **REPORT,
        "path": bad,
        "warnings": [bad],
        "rejected": {"files": 1, "reasons": {bad: 1}, "listed": [(bad, bad)]},
        "labels": {"classes": 2, "smallest": bad, "largest": "a", "images": {bad: 1, "a": 2}},
    }
    elements = Elements(render(changed, b""))
    assert not elements.named("script")
    assert len(elements.named("img")) == 1
