"""download: the raw files as published, verified."""

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.config import Name
from pgpipe.project import in_main_checkout
from stages.paths import RAW


class Params(Section):
    """What it reads."""

    name: Name = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")


def run() -> None:
    """Write data/raw."""
    from pgpipe.data import digits, photos, rawzip, tables
    from pgpipe.data.sources.obtain import Place
    from pgpipe.data.sources.table import SOURCES
    from pgpipe.files import fresh_folder
    from pgpipe.reporting.progress import arriving

    params = read_params(Params)
    path, archive = in_main_checkout(params.path), fresh_folder(RAW) / rawzip.NAME
    match params.name:
        case "photos":
            photos.fetch(archive)
        case "digits-1k":
            digits.fetch_bundled(archive)
        case "mnist-1k":
            digits.fetch_mnist(path, archive)
        case name:
            SOURCES[name].fetch(Place(name, path, RAW, arriving))
            tables.fetch(path, RAW)
