"""Presets of tiny rows for a project of the tests."""

from pathlib import Path

ROWS = {
    "a": "train: {minibatch_stddev: false}",
    "b": "train: {drift: 0.0}",
    "c": "train: {minibatch: 16}",
    "d": "train: {adam_beta1: 0.5, learning_rate: 1e-4}",
    "e-star": "model: {latent_size: 8}",
    "e": 'dataset: {path: "it\'s a \\\\ path, and more"}',
    "f": "growth: {phases: {r4: {learning_rate: null}}}",
    "g": "growth: {phases: {r4: null, r8: null, r16: {from: init, fade_kimg: 0}}}",
    "h": "growth: {final: r32, phases: {r32: {res: 32, from: r16, fade_kimg: 0, stable_kimg: 1}}}",
}


def write_presets(folder: Path) -> None:
    """The nine rows of table1, and a data set."""
    for row, text in ROWS.items():
        (folder / f"table1-{row}.yaml").write_text(f"# Row {row}.\n{text}\n")
    (folder / "table1-photos.yaml").write_text(
        "# Data.\ndataset: {images_per_class: 31}\ntrain: {quick_images: 0, select: last}\n"
    )
