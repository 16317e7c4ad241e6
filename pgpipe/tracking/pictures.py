"""A picture of a step, as MLflow's `log_image` writes it: its image grid finds runs' by the names.

`images/KEY+step+STEP+timestamp+MS+UUID.png`, and `...+compressed.webp`, at most 256 pixels, which
the grid shows. Time and UUID follow from key and step, so that the same step is the same file.
"""

import io
import re

from PIL import Image

from pgpipe.plumbing.hashes import sha256_json

FOLDER = "images"
NAME = re.compile(r"images/(?P<key>[^+]+)\+step\+(?P<step>\d+)\+[^/]*\.png")
TAG = {"mlflow.loggedImages": "True"}  # of a run that has some
SHOWN = 256  # pixels of the longer side of what the grid shows


def logged(picture: bytes, key: str, step: int) -> dict[str, bytes]:
    """Return the two files of a picture by their paths among a run's artifacts.

    Args:
        picture: a PNG file.
        key: what the grid names the series by; what stands before a `/` is its section.
        step: its place in the series.

    Raises:
        OSError: it is no picture.
    """
    image = Image.open(io.BytesIO(picture), formats=["PNG"])
    scale = SHOWN / max(image.size)
    small = io.BytesIO()
    side = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image.resize(side, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST).save(
        small, "WEBP", quality=90
    )
    digest = sha256_json([key, step])
    uuid = "-".join(digest[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    stem = f"{FOLDER}/{key.replace('/', '~')}+step+{step}+timestamp+{step}+{uuid}"
    return {f"{stem}.png": picture, f"{stem}+compressed.webp": small.getvalue()}
