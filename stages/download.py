"""download: the raw files as published, verified."""

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.config import Name
from pgpipe.plumbing.project import in_main_checkout, project_root
from stages.paths import RAW, RAW_HASHES


class Params(Section):
    """The parameters that the stage reads."""

    name: Name = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")
    verify: bool = Field(alias="dataset.verify")


def run() -> None:
    """Write data/raw."""
    from pgpipe.data.config import MADE
    from pgpipe.data.reading import tables
    from pgpipe.data.sources.source import Place
    from pgpipe.data.sources.table import source
    from pgpipe.plumbing import sealed
    from pgpipe.plumbing.files import fresh_folder
    from pgpipe.reporting.progress import arriving

    params = read_params(Params)
    path, raw = in_main_checkout(params.path), fresh_folder(RAW)
    source(params.name).fetch(Place(params.name, path, raw, arriving, verify=params.verify))
    if params.name not in MADE:
        tables.fetch(path, raw)
    hashes = sealed.require_raw(raw, project_root() / RAW_HASHES)
    sealed.seal(raw, known={name: sha256 for name, (_, sha256) in hashes.items()})
