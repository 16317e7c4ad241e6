"""Films hold their frames; what is no film or cannot be made is refused beforehand."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgpipe.drawing import films, growth, writing
from pgpipe.errors import UsageError
from pgpipe.images import Images, grid, write_png
from pgpipe.plumbing import sealed
from pgpipe.plumbing.layout import HISTORY, PREVIEW_COLUMNS, PREVIEWS

RATE = 10.0


def frames(height: int = 32, width: int = 48) -> list[Images]:
    """Gray of four strengths, with a white square that moves."""
    made = []
    for n in range(4):
        frame = np.full((height, width, 3), 40 * n, np.uint8)
        frame[4:12, 8 * n : 8 * n + 8] = 255
        made.append(frame)
    return made


def decoded(path: Path) -> list[Images]:
    """The frames of a film, by a reader that shares no code with the writer."""
    if path.suffix == ".mp4":
        reader = films.encoder().read_frames(str(path))
        width, height = next(reader)["size"]
        return [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]
    with Image.open(path) as film:
        found = []
        for n in range(getattr(film, "n_frames", 1)):
            film.seek(n)
            found.append(np.asarray(film.convert("RGB")))
        return found


@pytest.mark.parametrize("ending", [".webp", ".gif", ".mp4"])
@pytest.mark.parametrize(("height", "width"), [(32, 48), (33, 49)])
def test_a_film_holds_its_frames(tmp_path: Path, ending: str, height: int, width: int) -> None:
    path = tmp_path / f"film{ending}"
    films.require_format(path)(path, frames(height, width), RATE)
    found = decoded(path)
    assert len(found) == 4
    for ours, theirs in zip(frames(height, width), found, strict=True):
        difference = abs(theirs[:height, :width].astype(int) - ours)
        assert difference.mean() < 12
        assert abs(theirs[4:12].astype(int) - theirs[20:28]).max() > 60, "the square"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".webp", ".gif", ".mp4"])
def test_what_breaks_in_the_middle_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def broken() -> Iterator[Images]:
        yield frames()[0]
        raise KeyboardInterrupt

    path = tmp_path / f"film{ending}"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        films.require_format(path)(path, broken(), RATE)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]


def test_a_strip_is_one_picture_of_all(tmp_path: Path) -> None:
    films.require_format(tmp_path / "s.png")(tmp_path / "s.png", frames(), RATE)
    with Image.open(tmp_path / "s.png") as strip:
        assert strip.size == (2 * 52, 2 * 36)
        pixels = np.asarray(strip)
    np.testing.assert_array_equal(pixels[36 : 36 + 32, 52 : 52 + 48], frames()[3])


def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UsageError, match=r"pip install 'pgpipe\[film\]'"):
        films.require_format(Path("walk.mp4"))
    with pytest.raises(UsageError, match=r"one of \*\.webp"):
        films.require_format(Path("walk.avi"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A phase of 8 pixels that was grown from one of 4, with a preview per row of history."""
    folder = tmp_path / "r8"
    rows = ["kimg,phase,resolution,fade"]
    for kimg, phase, side, fade in ((1, "r4", 4, 1.0), (2, "r4", 4, 1.0), (3, "r8", 8, 0.5)):
        images = np.full((2 * PREVIEW_COLUMNS, side, side, 3), 50 * kimg, np.uint8)
        write_png(folder / PREVIEWS / f"{phase}-{kimg:09d}.png", grid(images, PREVIEW_COLUMNS, 64))
        rows.append(f"{kimg},{phase},{side},{fade}")
    (folder / HISTORY).write_text("\n".join(rows) + "\n")
    sealed.seal(folder)
    return folder


def test_growth_shows_each_preview_below_its_caption(model: Path) -> None:
    found = list(growth.frames(model, rows=1, most=10))
    assert [frame.shape for frame in found] == [(writing.CAPTION + 64, 512, 3)] * 3
    for n, frame in enumerate(found, 1):
        assert (frame[writing.CAPTION :] == 50 * n).all()
        assert (frame[: writing.CAPTION] < 128).any(), "words"
    assert len(list(growth.frames(model, rows=2, most=2))) == 2
    assert growth.state(0.5) == "fading in 50%"


def test_growth_of_what_has_no_previews_is_refused(model: Path) -> None:
    (model / HISTORY).write_text("kimg,phase,resolution,fade\n")
    sealed.seal(model)
    with pytest.raises(UsageError, match="no previews"):
        list(growth.frames(model, 1, 10))


@pytest.mark.parametrize("as_zip", [True, False])
def test_pictures_are_named_by_their_seeds(tmp_path: Path, as_zip: bool) -> None:
    import zipfile

    to = tmp_path / ("all.ZIP" if as_zip else "all")
    images = np.stack(frames())
    writing.write(to, [3, 0, 12345, 7], iter([images[:3], images[3:]]), False, False)
    names = ["seed0000.png", "seed0003.png", "seed0007.png", "seed12345.png"]
    if as_zip:
        archive = zipfile.ZipFile(to)
        assert sorted(archive.namelist()) == names
        data = archive.read("seed12345.png")
    else:
        assert sorted(file.name for file in to.iterdir()) == names
        data = (to / "seed12345.png").read_bytes()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), images[2])


def test_all_in_one_array_and_one_picture(tmp_path: Path) -> None:
    images = np.stack(frames())
    writing.write(tmp_path, [0, 1, 2, 3], iter([images]), True, True)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), images)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (2 * 96, 2 * 64), "twice as large, to be at least 64 high"
