"""A folder of a user's images of which everything is known, and looks at it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from imagesets import smooth
from PIL import Image, ImageCms
from tinyparams import with_values

from pgpipe.estimate.plan import Plan
from pgpipe.images import Images
from pgpipe.inspection.check import check
from pgpipe.inspection.report import Report
from stages.check import check as checked
from stages.check import plan_of

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SCORES: dict[str, Any] = {
    "score__swd_images": 2,
    "score__ms_ssim_pairs": 1,
    "score__classifier_splits": 1,
    "train__quick_images": "auto",
}


def encoded(image: Images, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image.squeeze()).convert(mode)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures(count: int, width: int = 64, height: int = 64, seed: int = 0) -> list[Images]:
    """Different ones, none like another."""
    return [image[:height, :width] for image in smooth(count, max(width, height), seed)]


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def plan(path: Path, name: str = "folder", **values: Any) -> Plan:
    """The experiment of the tests' parameters on the images at a path."""
    own = {"dataset__name": name, "dataset__path": str(path), **values}
    return plan_of(checked(with_values(**{**SCORES, **own}), "params.yaml"))


def report(path: Path, processes: int = 1, **values: Any) -> Report:
    """What a look at a folder tells."""
    return check(plan(path, **values), Path("none"), lambda _: None, processes).report


def turned(image: Images, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", exif=exif)


def sixteen_bits(image: Images) -> bytes:
    gray = np.asarray(Image.fromarray(image).convert("L")).astype(np.uint16) * 257
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG")
    return buffer.getvalue()
