"""What MLflow's page of a run says of it: Markdown in which pictures come first."""

import re

from pgpipe.reporting import run_note

METRICS = {
    "swd_16": 22.5, "swd_16_floor": 2.25,
    "swd_avg": 33.75, "swd_avg_floor": 3.375, "swd_avg_low": 31.5, "swd_avg_high": 35.25,
    "classifier_score": 4.625, "classifier_score_real": 6.875, "classifier_score_std": 0.125,
    "inception_score": 3.5, "inception_score_real": None,
    "inception_images": 64, "images": 2048, "protocol": "0123456789ab", "kimg": 46.0,
}  # fmt: skip
PICTURES = ["figures/growth.webp", "figures/random.png"]


def cells(text: str) -> dict[str, list[str]]:
    """The cells of a table in Markdown by the first of each line."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return {first: rest for first, *rest in (line.split(" | ") for line in lines)}


def test_pictures_then_scores_beside_the_reals_then_what_comes_next() -> None:
    text = run_note.note("0123abcd", PICTURES, METRICS)
    assert text.startswith(
        "![figures/growth.webp](get-artifact?path=figures/growth.webp&run_uuid=0123abcd)\n\n**SWD "
    )
    rows = cells(text)
    assert rows["score"] == ["images", "95 %", "reals"]
    average = rows["Sliced Wasserstein distance x 10³, average of the levels"]
    assert average == ["33.75", "31.5 to 35.25", "3.375"]
    assert rows["Classifier score"] == ["4.625", "&plusmn; 0.25", "6.875"]
    assert rows["Inception score"] == ["3.5", "", ""]
    assert "pgpipe register NAME 0123abcd" in text
    assert "mlflow models serve -m runs:/0123abcd/generator" in text
    assert "Quick scores" not in text


def test_the_last_tick_and_quick_scores_are_told_where_there_are_some() -> None:
    text = run_note.note(
        "{run}",
        PICTURES,
        {**METRICS, "last_swd_avg": 40.0},
        {"swd_avg": 90.0, "swd_avg_floor": 30.0},
    )
    rows = cells(text)
    assert rows["score"][-1] == "last tick"
    assert rows["Sliced Wasserstein distance x 10³, average of the levels"][-1] == "40"
    assert "Quick scores of the last tick: SWD 90.00 (30.00)." in text
    assert "runs:/{run}/generator" in text, "whose id the store gives"
