"""Films and strips of uint8 pictures.

WebP and GIF are written by Pillow, H.264 by an encoder that the package imageio-ffmpeg brings.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pgpipe.errors import UsageError
from pgpipe.images import Images, grid, write_png
from pgpipe.plumbing.files import atomic

MOST_FRAMES = 20_000
GAP = 4  # pixels between the frames of a strip
WEBP_QUALITY, H264_QUALITY = 85, 8  # of 100; of 10

Frames = Iterable[Images]  # uint8 [H, W, C], all of one shape
Writer = Callable[[Path, Frames, float], None]


def require_format(path: Path) -> Writer:
    """Return the writer of a film by its name's ending.

    Raises:
        UsageError: there is none, or what it needs is not installed.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UsageError(f"{path}: a film is one of *{', *'.join(WRITERS)}")
    if writer is write_mp4:
        encoder()
    return writer


def require_length(frames: int) -> None:
    """Refuse a film that is too long to be made, as a UsageError."""
    if frames > MOST_FRAMES:
        raise UsageError(f"{frames} frames are more than {MOST_FRAMES}; ask for fewer --frames")


def encoder() -> Any:
    """Return the package that brings H.264's encoder.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import imageio_ffmpeg
    except ImportError:
        raise UsageError(
            "an .mp4 needs imageio-ffmpeg: pip install 'pgpipe[film]'; or write a .webp"
        ) from None
    return imageio_ffmpeg


def write_animation(path: Path, frames: Frames, rate: float, **options: Any) -> None:
    """Write an endless animation of so many frames per second, atomically."""
    pictures = (Image.fromarray(as_rgb(frame)) for frame in frames)
    first = next(pictures)
    duration = round(1000 / rate)
    with atomic(path) as file:
        first.save(
            file,
            path.suffix[1:].upper(),
            save_all=True,
            append_images=pictures,
            duration=duration,
            loop=0,
            **options,
        )


def write_webp(path: Path, frames: Frames, rate: float) -> None:
    """Write an animated WebP."""
    write_animation(path, frames, rate, quality=WEBP_QUALITY, method=4)


def write_mp4(path: Path, frames: Frames, rate: float) -> None:
    """Write H.264 that every browser plays; odd sides get a line more."""
    temporary = path.with_name(f".{path.stem}.pgpipe.tmp.mp4")
    frames = iter(frames)
    first = even(as_rgb(next(frames)))
    height, width = first.shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = encoder().write_frames(
        str(temporary), (width, height), fps=rate, quality=H264_QUALITY, macro_block_size=2
    )
    try:
        writer.send(None)
        for frame in chain([first], (even(as_rgb(frame)) for frame in frames)):
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        temporary.replace(path)
    finally:
        writer.close()  # which ends the encoder
        temporary.unlink(missing_ok=True)


def write_strip(path: Path, frames: Frames, _rate: float) -> None:
    """Write all frames beside and below one another, about as wide as high, as one PNG."""
    apart = np.stack([np.pad(f, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for f in frames])
    count, height, width, _ = apart.shape
    columns = min(count, max(1, round(math.sqrt(count * height / width))))
    write_png(path, grid(apart, columns))


def as_rgb(picture: Images) -> Images:
    """uint8 [H, W, 1 or 3] -> [H, W, 3]."""
    return picture.repeat(3, axis=2) if picture.shape[2] == 1 else picture


def even(picture: Images) -> Images:
    """Repeat the last row or column of a picture whose sides H.264 does not take."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


WRITERS: Mapping[str, Writer] = {
    ".webp": write_webp,
    ".gif": write_animation,
    ".mp4": write_mp4,
    ".png": write_strip,
}
