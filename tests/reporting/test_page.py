"""The page shows all there is, on its own; the figures are the same bytes each time."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pgpipe.config import leaves, load_yaml
from pgpipe.gan.systems import STATISTICS
from pgpipe.images import Images, grid, png, write_png
from pgpipe.metrics.by_class import Row
from pgpipe.reporting import figures, page
from pgpipe.training.history import PLACE

ROOT = Path(__file__).parents[2]
PARAMS = load_yaml(ROOT / "params.yaml")
METRICS = {
    "swd_32": 11.25, "swd_32_floor": 1.125,
    "swd_16": 22.5, "swd_16_floor": 2.25,
    "swd_avg": 33.75, "swd_avg_floor": 3.375,
    "ms_ssim": 0.2875, "ms_ssim_real": 0.2625,
    "classifier_score": 4.625, "classifier_score_real": 6.875,
    "classifier_score_std": 0.125,
    "images": 2048, "pairs": 1024, "seed": 7, "protocol": "0123456789ab",
    "kimg": 46.0, "last_kimg": 46.0, "train_precision": "fp32",
}  # fmt: skip
NAMES = ("growth", "random", "reals", "interpolation", "curves", "row_per_class")
PICTURES = {name: png(np.full((2, 3, 3), 9 * n, np.uint8)) for n, name in enumerate(NAMES)}


def rendered(
    metrics: dict[str, Any] = METRICS,
    params: dict[str, Any] = PARAMS,
    pictures: dict[str, bytes] = PICTURES,
) -> str:
    return page.render(metrics, params, pictures, 8, [4, 8, 16])


class Elements(HTMLParser):
    """Every element's name and attributes, and all text by row of the table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows and data.strip():
            self.rows[-1].append(" ".join(data.split()))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


# On its own


def test_page_refers_to_nothing_outside_of_it() -> None:
    elements = Elements(rendered())
    for tag, attributes in elements.found:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            value = attributes.get(name) or "data:"
            assert value.startswith(("data:", "#")), (tag, value)
    assert not elements.named("script")
    assert not elements.named("iframe")
    assert not [link for link in elements.named("link") if link.get("rel") != "icon"]


def test_style_refers_to_nothing_outside_of_it() -> None:
    style = "".join(re.findall(r"<style>(.*?)</style>", rendered(), re.DOTALL))
    assert style
    assert not re.search(r"@import|url\(|https?:|//", style)


def test_pictures_are_in_the_page() -> None:
    images = Elements(rendered()).named("img")
    assert len(images) == len(PICTURES)
    found = [(image["src"] or "").removeprefix("data:image/webp;base64,") for image in images]
    shown = {Image.open(io.BytesIO(base64.b64decode(text))).tobytes() for text in found}
    assert shown == {Image.open(io.BytesIO(data)).tobytes() for data in PICTURES.values()}
    assert all(image["alt"] for image in images)


def test_pictures_are_enlarged_by_a_click_without_a_script() -> None:
    elements = Elements(rendered())
    assert len(elements.named("input")) == len(PICTURES)
    assert all(box["type"] == "checkbox" for box in elements.named("input"))


def test_the_growth_and_a_walk_as_films_and_the_names_of_classes() -> None:
    films = {"film": b"film", "walk": b"walked"}
    html = page.render(METRICS, PARAMS, PICTURES, 8, [4], **films, classes=["cat", "<b>"])  # type: ignore[arg-type]
    shown = {image["src"] for image in Elements(html).named("img")}
    for film in films.values():
        assert f"data:image/webp;base64,{base64.b64encode(film).decode()}" in shown
    assert "<span>cat</span><span>&lt;b&gt;</span>" in html
    assert "<details>" not in rendered()


NEAR = {
    "copies": True, "generated": 1000, "training": 5000, "reals": 400, "reals_are": "held out",
    "mirrored": True,
    "spaces": {"pixels": {"share": 0.125, "expected": 0.01}, "pyramid": {"share": 0.0}},
}  # fmt: skip


def test_an_alarm_where_the_generator_copies() -> None:
    pictures = {**PICTURES, "neighbours": PICTURES["growth"]}

    def text(near: dict[str, Any]) -> str:
        return " ".join(page.render(METRICS, PARAMS, pictures, 8, [4], near=near).split())

    html = text(NEAR)
    assert '<p class="alarm"><strong>It copies training images.</strong></p>' in html
    assert (
        "Of 1000 generated images 12.5 % by pixels and 0.0 % by pyramid are nearer to one of 5000 "
        "training images, or to its mirror image, than 99 % of 400 held-out images are. 1.0 % is "
        "expected" in html
    )
    silent = text({**NEAR, "copies": False, "mirrored": False, "reals_are": "training"})
    assert 'class="alarm"' not in silent
    assert "training images than 99 % of 400 training images are to all others." in silent
    assert len(Elements(html).named("img")) == len(pictures)
    assert "Does it copy?" not in rendered()


def test_each_class_stands_beside_its_reals() -> None:
    rows = [
        Row("lone", 1, 1.0, "", None, None, None),
        Row("cat", 20, 0.75, "dog & co", 0.5, 0.875, 0.25),
    ]
    html = page.render(METRICS, PARAMS, PICTURES, 8, [4], by_class=rows)
    shown = [row[:7] for row in Elements(html).rows]
    assert ["cat", "20", "0.750", "0.875", "dog & co", "0.500", "0.250"] in shown
    assert ["lone", "1", "1.000", "-", "-", "-"] in shown
    assert "Class by class" not in rendered()


def test_scores_in_one_line_stand_beside_the_reals() -> None:
    assert page.in_one_line(METRICS) == (
        "SWD 33.75 (3.38), MS-SSIM 0.2875 (0.2625), classifier score 4.62 (6.88)"
    )
    assert page.in_one_line({"fid": 7.0, "fid_floor": None}) == "FID 7.00"


def test_picture_that_there_is_not_is_left_out() -> None:
    fewer = {name: data for name, data in PICTURES.items() if name != "row_per_class"}
    assert len(Elements(rendered(pictures=fewer)).named("img")) == len(fewer)
    assert "A row per class" not in rendered(pictures=fewer)


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7*7 }}"]
)
def test_parameters_are_text_whatever_they_say(bad: str) -> None:
    params = {**PARAMS, "dataset": {**PARAMS["dataset"], "path": bad, bad: 1}}
    elements = Elements(rendered(params=params))
    assert not elements.named("script")
    assert len(elements.named("img")) == len(PICTURES)
    assert elements.rows[-1].count(bad) == 2


def test_page_is_the_same_each_time() -> None:
    assert rendered() == rendered()


# All there is


def scores(metrics: dict[str, Any] = METRICS) -> dict[str, list[str]]:
    """The rows of the table of scores, by name."""
    rows = Elements(rendered(metrics)).rows[1:]
    return {row[0]: row[1:] for row in rows}


def test_each_score_stands_beside_the_reals() -> None:
    found = scores()
    assert len(found) == 5
    wanted = {"32x32": ("11.25", "1.125"), "16x16": ("22.5", "2.25"), "average": ("33.75", "3.375"),
              "MS-SSIM": ("0.2875", "0.2625")}  # fmt: skip
    for word, values in wanted.items():
        (row,) = [row for name, row in found.items() if word in name]
        assert tuple(row[:2]) == values


def test_classifiers_score_has_a_deviation_and_is_no_inception_score() -> None:
    row = scores()["Classifier score"]
    assert row[0] == "4.625 ± 0.12"
    assert row[1] == "6.875"
    assert "no Inception score" in row[2]


def test_scores_say_which_way_is_better() -> None:
    rows = list(page.score_rows(METRICS))
    assert all(row.meaning for row in rows)
    assert "higher" in next(row.meaning for row in rows if "Classifier" in row.name)
    assert all("lower" in row.meaning for row in rows if "Wasserstein" in row.name)


def test_without_a_classifier_its_score_is_left_out() -> None:
    metrics = {k: v for k, v in METRICS.items() if not k.startswith("classifier")}
    assert len(scores(metrics)) == 4
    assert "Classifier score" not in rendered(metrics)


def test_reals_own_score_that_is_null_leaves_a_gap_and_a_line_that_says_why() -> None:
    few = {**METRICS, **{name: None for name in METRICS if name.endswith("_floor")}}
    found = scores(few)
    assert found.keys() == scores().keys()
    assert all(row[1] == "-" for name, row in found.items() if "Wasserstein" in name)
    words = "the data set has too few"
    assert words in rendered(few)
    assert words not in rendered(METRICS)


def test_scores_of_some_experiments_say_what_they_count() -> None:
    more = {
        "label_accuracy": 0.8125, "label_accuracy_real": 0.9375,
        "modes_found": 987.5, "modes_found_real": 999.0, "modes_found_std": 2.5,
        "mode_kl": 0.3125, "mode_kl_real": 0.015625, "mode_kl_std": 0.0625,
        "mode_samples": 25600, "mode_evaluations": 10,
    }  # fmt: skip
    found = scores({**METRICS, **more})
    assert len(found) == 5 + 3
    assert found["Label accuracy"][:2] == ["0.8125", "0.9375"]
    assert found["Modes found"][:2] == ["987.5 ± 2.5", "999"]
    assert found["KL to uniform"][:2] == ["0.3125 ± 0.062", "0.01562"]
    assert "of 1000" in found["Modes found"][2]
    assert "25600 images; mean of 10 evaluations" in found["Modes found"][2]
    assert "ceiling" in found["Label accuracy"][2]


def test_scores_of_the_inception_network_say_of_how_many_images() -> None:
    more = {
        "inception_score": 8.5, "inception_score_real": 11.25, "inception_score_std": 0.0625,
        "fid": 15.75, "fid_floor": 3.125, "kid": -0.015625, "kid_floor": 0.03125,
        "kid_std": 0.125, "precision": 0.6875, "precision_real": 0.75,
        "recall": 0.4375, "recall_real": 0.8125,
        "inception_images": 50000, "fid_images": 10000,
    }  # fmt: skip
    found = scores({**METRICS, **more})
    assert len(found) == 5 + 5
    assert found["Inception score"][:2] == ["8.5 ± 0.062", "11.25"]
    assert found["Fréchet Inception distance"][:2] == ["15.75", "3.125"]
    assert found["Kernel Inception distance"][:2] == ["-0.01562 ± 0.12", "0.03125"]
    assert found["Precision"][:2] == ["0.6875", "0.75"]
    assert found["Recall"][:2] == ["0.4375", "0.8125"]
    assert "50000 images" in found["Inception score"][2]
    for name in ("Fréchet Inception distance", "Precision", "Recall"):
        assert "10000" in found[name][2]


def test_numbers_of_images_and_resolutions_are_stated() -> None:
    text = " ".join(rendered().split())
    assert "2048 generated images against 2048 reals, MS-SSIM of 1024 pairs" in text
    assert "seed 7, protocol 0123456789ab" in text
    assert "4x4 to 16x16" in text
    assert "8 fixed latents" in text


def test_intervals_stand_beside_their_scores() -> None:
    assert "95 % intervals" not in rendered()
    found = scores({**METRICS, "swd_avg_low": 33.25, "swd_avg_high": 34.25})
    assert len(found) == 5
    (row,) = [row for name, row in found.items() if "average" in name]
    assert row[:2] == ["33.75 [33.25, 34.25]", "3.375"]
    assert "95 % intervals" in rendered({**METRICS, "ms_ssim_low": 0.25, "ms_ssim_high": 0.3125})


def test_all_parameters_are_shown() -> None:
    text = rendered()
    for name, _ in (pair for section in PARAMS.values() for pair in leaves(section)):
        assert f"<dt>{name}<dd>" in text


# Figures


def history(*resolutions: int) -> pd.DataFrame:
    """Two ticks of a fade and two more for each resolution but the first, which has no fade."""
    rows = []
    for number, res in enumerate(resolutions):
        for tick in range(4):
            fade = 1.0 if number == 0 or tick > 1 else 0.5 * tick
            numbers = dict.fromkeys((*PLACE, "minibatch", "learning_rate", *STATISTICS), 0.1 * tick)
            kimg = float(4 * number + tick + 1)
            rows.append(
                {**numbers, "kimg": kimg, "phase": f"r{res}", "resolution": res, "fade": fade}
            )
    return pd.DataFrame(rows)


def test_curves_are_the_same_bytes_each_time() -> None:
    first, again = (page.png(figures.curves(history(4, 8, 16))) for _ in range(2))
    assert first == again
    assert first != page.png(figures.curves(history(4, 8)))
    assert b"Software" not in first


def test_curves_mark_every_phase() -> None:
    axes = figures.curves(history(4, 8, 16)).axes
    assert [text.get_text() for text in axes[0].texts] == ["4x4", "8x8", "16x16"]
    assert [text.get_position()[0] for text in axes[0].texts] == [2.0, 6.0, 10.0]


TILE, COUNT = 64, 8


def previews(folder: Path, *resolutions: int, channels: int = 3) -> dict[int, Images]:
    """Pictures of two ticks of each phase; returned: the images of the later one."""
    last = {}
    for res in resolutions:
        for tick in (9, 10):
            draw = np.random.default_rng(res + tick)
            shape = (4 * COUNT, res, res, channels)
            last[res] = draw.integers(0, 256, shape, dtype=np.uint8)
            write_png(folder / f"r{res}-{tick:09d}.png", grid(last[res], COUNT, TILE))
    return last


@pytest.mark.parametrize("channels", [1, 3])
def test_growth_has_a_row_for_each_phase(tmp_path: Path, channels: int) -> None:
    last = previews(tmp_path, 4, 8, 32, channels=channels)
    picture = figures.growth(tmp_path, history(4, 8, 32), COUNT)
    assert picture.shape == (3 * TILE, COUNT * TILE, 3)
    for number, res in enumerate((4, 8, 32)):
        row = picture[number * TILE : (number + 1) * TILE]
        np.testing.assert_array_equal(
            row, np.broadcast_to(grid(last[res][:COUNT], COUNT, TILE), row.shape)
        )


def test_growth_can_go_beyond_the_size_of_a_tile(tmp_path: Path) -> None:
    """Previews of 128x128 and more are not enlarged, and wider than those of smaller phases."""
    previews(tmp_path, 64, 128, 256)
    picture = figures.growth(tmp_path, history(64, 128, 256), COUNT)
    height, width, _ = picture.shape
    assert width / height == pytest.approx(COUNT / 3)


def test_growth_is_a_picture_that_can_be_written(tmp_path: Path) -> None:
    previews(tmp_path, 4, 8)
    write_png(tmp_path / "growth.png", figures.growth(tmp_path, history(4, 8), COUNT))
    assert Image.open(tmp_path / "growth.png").size == (COUNT * TILE, 2 * TILE)


def test_where_another_tick_is_selected_the_last_ones_scores_have_a_column() -> None:
    last = {**METRICS, "kimg": 40.0, "last_swd_avg": 44.5}
    assert scores(last)["Sliced Wasserstein distance x 10³, average of the levels"][:3] == [
        "33.75", "44.5", "3.375",
    ]  # fmt: skip
    assert "at 40.0 kimg; the last one, at 46.0 kimg" in " ".join(rendered(last).split())
    assert "Last tick" not in rendered()
