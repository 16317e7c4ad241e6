"""WebDataset's shards: tars of samples."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

from pgpipe.data.reading import layouts, tars
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError

IMAGE_KINDS = ("jpg", "jpeg", "png", "webp")


def read(raw: Path) -> Iterator[Item]:
    """Shards whose consecutive files KEY.jpg (or png, jpeg, webp) and KEY.cls are a sample."""
    for path in several(raw, "*.tar"):
        for key, sample in groupby(tars.members(path), key=lambda member: split(member[0])[0]):
            files = {split(name)[1]: data for name, data in sample}
            image = next((files[kind] for kind in IMAGE_KINDS if kind in files), None)
            if image is not None:
                yield image, label(path, key, files.get("cls", b"")), key


def survey(raw: Path) -> Layout:
    """Keys and labels of the samples, without their images."""
    labels: dict[str, str] = {}
    for path in several(raw, "*.tar"):
        for name, size, file in tars.files(path):
            key, kind = split(name)
            if kind in IMAGE_KINDS:
                labels.setdefault(key, "")
            elif kind == "cls":
                labels[key] = label(path, key, tars.whole(path, name, size, file))
    return Layout(labels, unread=layouts.shards(path.stem for path in several(raw, "*.tar")))


def split(name: str) -> tuple[str, str]:
    """KEY and the rest of a sample's file name: the key ends at the first dot of its last step."""
    path = PurePosixPath(name)
    stem, _, kind = path.name.partition(".")
    return str(path.with_name(stem)), kind.lower()


def label(path: Path, key: str, text: bytes) -> str:
    """The class that a sample's .cls states, as text."""
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise IntegrityError(f"{path}: {key!r}: its .cls is no text") from None


SOURCE = Source(taken("*.tar"), read, survey, surveys_all=True)
