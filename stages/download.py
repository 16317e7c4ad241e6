"""download: the raw images as published, verified, in one archive."""

from pathlib import Path

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.config import Name
from stages.paths import RAW


class Params(Section):
    """What it reads."""

    name: Name = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")


def run() -> None:
    """Write data/raw."""
    from pgpipe.data import digits, folder, photos

    params = read_params(Params)
    path = Path(params.path)
    match params.name:
        case "photos":
            photos.fetch(RAW)
        case "folder":
            folder.fetch(path, RAW)
        case "digits-1k":
            digits.fetch_bundled(RAW)
        case "mnist-1k":
            digits.fetch_mnist(path, RAW)
