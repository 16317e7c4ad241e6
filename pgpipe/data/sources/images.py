"""Archives of image files: tars, WebDataset's shards, and sets with folders of classes."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

from pgpipe.data import folder, rawzip, tars
from pgpipe.data.items import Item
from pgpipe.data.sources.raw import only, several
from pgpipe.errors import IntegrityError

TARS = ("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz")
IMAGE_KINDS = ("jpg", "jpeg", "png", "webp")


def read_folder(raw: Path) -> Iterator[Item]:
    """A folder or zip of the user's, as `pgpipe.data.folder` has packed it."""
    return folder.read(raw / rawzip.NAME)


def read_zip(raw: Path) -> Iterator[Item]:
    """The only zip of a published set, such as CelebA's: labels are folders, if there are any."""
    return folder.read(only(raw, "*.zip"))


def read_tar(raw: Path) -> Iterator[Item]:
    """Tars of image files in the archives' order; labels as in a folder."""
    for path in several(raw, *TARS):
        depth = folder.common_depth([name for name, _, _ in tars.files(path)])
        for name, data in tars.members(path):
            yield data, folder.label_of(name, depth), name


def read_afhq(raw: Path) -> Iterator[Item]:
    """AFHQ's training images: .../train/LABEL/NAME in the published zip."""
    for name, data in rawzip.members(only(raw, "*.zip")):
        steps = rawzip.parts(name)
        if len(steps) >= 3 and steps[-3] == "train":
            yield data, steps[-2], name


def read_webdataset(raw: Path) -> Iterator[Item]:
    """Shards whose consecutive files KEY.jpg (or png, jpeg, webp) and KEY.cls are a sample."""
    for path in several(raw, "*.tar"):
        for key, sample in groupby(tars.members(path), key=lambda member: split(member[0])[0]):
            files = {split(name)[1]: data for name, data in sample}
            image = next((files[kind] for kind in IMAGE_KINDS if kind in files), None)
            if image is not None:
                yield image, label(path, key, files.get("cls", b"")), key


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
