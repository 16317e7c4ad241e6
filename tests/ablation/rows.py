"""Presets of tiny rows for a project of the tests."""

from pathlib import Path

from tinyproject import TINY

ROWS = {
    "a": "train: {minibatch_stddev: false}",
    "b": "train: {drift: 0.0}",
    "c": "train: {minibatch: 16}",
    "d": "train: {adam_beta1: 0.5, learning_rate: 1e-4, loss: wgan-gp}",
    "e-star": "model: {latent_size: 8}",
    "e": "model: {fmap_base: 32}",
    "f": "growth: {phases: {r4: {learning_rate: null}}}",
    "g": "growth: {phases: {r4: null, r8: null, r16: {from: init, fade_kimg: 0}}}",
    "h": "growth: {phases: {r16: {stable_kimg: 0.4}}}",
}


def write_presets(folder: Path) -> None:
    """The nine rows and one data set of table1, the parameters of TINY in the latter."""
    for row, text in ROWS.items():
        (folder / f"table1-{row}.yaml").write_text(f"# Row {row}.\n{text}\n")
    (folder / "table1-photos.yaml").write_text("# Data.\ndataset: {images_per_class: 30}\n")


__all__ = ["TINY", "write_presets"]
