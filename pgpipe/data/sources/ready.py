"""Ready images of CelebA-HQ and FFHQ: the official TFRecords, or a folder or zip of them."""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data.reading import rawzip
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources import folders, tfrecords
from pgpipe.data.sources.source import Place, Source


def fetch(place: Place) -> None:
    """TFRecords where there are any, else a folder or zip."""
    is_records = place.path.suffix == ".tfrecords" or any(place.path.glob("*.tfrecords"))
    (tfrecords.fetch if is_records else folders.fetch_folder)(place)


def read(raw: Path) -> Iterator[Item]:
    """Yield the images that `fetch` left."""
    return (folders.read_folder if (raw / rawzip.NAME).exists() else tfrecords.read)(raw)


def survey(raw: Path) -> Layout | None:
    """Names and labels of a folder or zip that `fetch` left."""
    return folders.survey_folder(raw) if (raw / rawzip.NAME).exists() else None


SOURCE = Source(fetch, read, survey)
