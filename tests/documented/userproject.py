"""A clone in which documented commands are typed: small sizes, images that are not the demo's."""

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ruamel.yaml import YAML
from tinyproject import ROOT, Project

from pgpipe.config import load_yaml

SIZES: dict[str, dict[str, Any]] = {
    "dataset": {"resolution": 16},
    "growth": {
        "final": "r16",
        "phases": {
            **dict.fromkeys(("r4", "r8", "r32"), None),
            "r16": {"from": "init", "fade_kimg": 0, "stable_kimg": 0.1},
        },
    },
    "model": {"fmap_base": 64, "fmap_max": 16, "latent_size": 16},
    "train": {"tick_kimg": 0.1, "minibatch": 8, "threads": 1, "quick_images": 16},
    "sample": {"images": 48},
    "reference": {"classifier_kimg": 0.1},
    "score": {"swd_images": 24, "ms_ssim_pairs": 8, "classifier_splits": 2},
}
PIXELS = 20  # of the width of an image; its height is another


class UserProject(Project):
    """A clone of the sources with small sizes committed, and a shell in it."""

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes: `pgpipe` is the clone's own, as after `make install` in it."""
        wide = {"COLUMNS": "400"}  # tables are not cut off
        return {**super().environment, "PYTHONPATH": str(self.folder), **wide}

    def small(self) -> "UserProject":
        """Write it; what the parameters size by the data stays as it is."""
        defaults = load_yaml(ROOT / "params.yaml")
        sizes = {
            section: {k: v for k, v in values.items() if defaults[section].get(k) != "auto"}
            for section, values in SIZES.items()
        }
        text = io.StringIO("# The documented commands in seconds.\n")
        text.seek(0, io.SEEK_END)
        YAML().dump(sizes, text)
        return self.create(text.getvalue())

    def type(self, command: str, code: int = 0) -> str:
        """What a shell prints for a command, which has to end so."""
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}"
        return done.stdout


def images(folder: Path, *classes: str, count: int = 60, seed: int = 0) -> Path:
    """Write so many images of noise, over all classes, each of which is a folder."""
    draw = np.random.default_rng(seed)
    for number in range(count):
        place = folder / classes[number % len(classes)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (PIXELS + number % 5, PIXELS, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number:03d}.png")
    return folder
