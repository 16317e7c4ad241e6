"""Fine-tuning beside training from nothing, on 300 pictures that the default never saw.

They are windows into two photographs that scikit-learn carries. The study `finetune` has the rows.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from pgpipe.errors import UsageError
from pgpipe.plumbing.terminal import note

PICTURES, START, TRAINED = Path("data/own"), Path("starts/default"), Path("models/r32")
COUNT = 150  # windows into each photograph
SIDES = (160, 400)  # pixels of a window
SIZE = 64  # pixels of a picture


def prepare() -> None:
    """Write the pictures, and copy the default's networks; what is there already stays.

    Raises:
        UsageError: the default is not trained.
    """
    if not START.exists():
        if not TRAINED.is_dir():
            raise UsageError(f"{TRAINED}: not trained yet; run `dvc repro`")
        shutil.copytree(TRAINED, START)
    if not PICTURES.exists():
        write_pictures(PICTURES)


def write_pictures(folder: Path) -> None:
    """Write the windows as PNGs, a folder per photograph."""
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    draw = np.random.default_rng(0)
    for name, pixels in zip(found.filenames, found.images, strict=True):
        place = folder / Path(name).stem
        place.mkdir(parents=True)
        photograph = Image.fromarray(pixels)
        for number in range(COUNT):
            side = int(draw.integers(*SIDES))
            left, top = (int(draw.integers(length - side + 1)) for length in photograph.size)
            window = photograph.crop((left, top, left + side, top + side))
            window.resize((SIZE, SIZE), Image.Resampling.BOX).save(place / f"{number:03d}.png")


def run(seeds: int) -> None:
    """Queue the study's rows, run them one after the other, and print the table and the claim."""
    study = ["-m", "pgpipe", "study"]
    for words in (
        [*study, "queue", "finetune", "--seeds", str(seeds)],
        ["-m", "dvc", "exp", "run", "--run-all"],
        [*study, "table", "finetune"],
        [*study, "check", "finetune"],
    ):
        note(f"$ python {' '.join(words)}")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # of the stages
        subprocess.run([sys.executable, *words], check=True, env={**os.environ, "PATH": path})
