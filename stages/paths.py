"""The files that stages hand to one another, relative to the workspace."""

from pathlib import Path

from pgpipe.plumbing.sealed import SEAL

CHECKED = Path("data/checked")
FOUND = Path("data/found.json")
START = Path("data/start.json")
RAW = Path("data/raw")
RAW_HASHES = Path(".pgpipe/found/raw.json")  # kept, below the main checkout
MULTIRES = Path("data/multires")
SOURCES = MULTIRES / "sources.npy"  # of stacked digits alone
MACHINE = Path("data/machine")
SETTLED = MACHINE / "settled.json"
GATE = Path("data/gate.json")
MODELS = Path("models")
LAYERS = MODELS / "layers"
REFERENCE = Path("reference")
FLOOR = REFERENCE / "floor.json"
REALS, REALS_PICTURE = REFERENCE / "reals.npy", REFERENCE / "reals.png"
FEATURES = REFERENCE / "features.npy"
CLASSIFIER = REFERENCE / "classifier.safetensors"
RETRIEVAL = REFERENCE / "retrieval.safetensors"  # where the images have captions
DIGIT_CLASSIFIER = REFERENCE / "digits.safetensors"
SAMPLES = Path("samples")
DRAWN, DRAWN_LABELS = SAMPLES / "images.npy", SAMPLES / "labels.npy"
DRAWN_CAPTIONS = SAMPLES / "captions.npy"  # numbers of captions, in place of labels
DRAWN_ROWS = SAMPLES / "rows.json"  # captions of the rows of row_per_class.png
DRAWN_LAST = SAMPLES / "last.npy"  # where another tick than the last is selected
# Where the system has an encoder: what is left of images, and the images
RECONSTRUCTED, ORIGINALS = SAMPLES / "reconstructed.npy", SAMPLES / "originals.npy"
DRAWN_FACTS = SAMPLES / "facts.json"
REPORTS = Path("reports")
METRICS = REPORTS / "metrics.json"
HISTORY = REPORTS / "history.csv"
QUICK_SCORES = REPORTS / "quick_scores.csv"
PAGE = REPORTS / "index.html"
FIGURES = REPORTS / "figures"
# Where the user's files cannot be: what stages, DVC, git and the tracker write.
WRITTEN = (
    *(CHECKED, FOUND, START, RAW, MULTIRES, MACHINE, GATE, MODELS, REFERENCE, SAMPLES),
    *(METRICS, REPORTS / SEAL, HISTORY, QUICK_SCORES, PAGE, FIGURES),
    *map(Path, (".pgpipe", ".dvc", ".git", "mlflow.db", "mlartifacts")),
)


def model(key: str) -> Path:
    """The folder of a phase's model, or of `init`'s."""
    return MODELS / key


def images(resolution: int) -> Path:
    """The prepared images of one resolution."""
    return MULTIRES / f"r{resolution}"
