"""download: the raw images as published, verified, in one archive."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pgpipe.config import Section, read_params
from stages.paths import RAW


class Params(Section):
    """What it reads."""

    name: Literal["photos", "folder"] = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")


def run() -> None:
    """Write data/raw."""
    from pgpipe.data import folder, photos

    params = read_params(Params)
    if params.name == "photos":
        photos.fetch(RAW)
    else:
        folder.fetch(Path(params.path), RAW)
