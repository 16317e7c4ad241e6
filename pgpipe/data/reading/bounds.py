"""What the files of a data set may become, whoever made them.

    an item        a member of an archive, a record, a value, a chunk: ITEM_BYTES
    a table        labels, boxes, names of images: TABLE_BYTES and TABLE_ROWS
    image files    FILE_GROWTH times what packs them: an archive, a database, a column
    pixels         PIXEL_GROWTH times the file of their array
    memory         of the process that reads them: READER_BYTES more than the files are large
    an image       `pgpipe.data.reading.decode.MAX_PIXELS`

Image files are packed already, so they hardly shrink further, and bombs shrink a thousandfold.
Pixels may be flat; no block of deflate holds more than PIXEL_GROWTH times its own bytes.
"""

import io
from pathlib import Path
from typing import IO, cast

from pgpipe.data.reading.blaming import blaming

ITEM_BYTES = 512 << 20
TABLE_BYTES, TABLE_ROWS = 128 << 20, 1 << 23  # ImageNet's labels take 50 MB
READER_BYTES = 2 << 30
SMALL_BYTES = 1 << 20  # below, any growth is harmless
FILE_GROWTH = 100
PIXEL_GROWTH = 1032


def require_item(size: int, what: str = "", most: int | None = None) -> None:
    """Raise ValueError for an item of more than `most` bytes, ITEM_BYTES if it is not given."""
    most = ITEM_BYTES if most is None else most
    if size > most:
        raise ValueError(f"{what}{size} bytes, at most {most} are read")


def require_file(file: Path, kind: str, most: int | None = None) -> None:
    """Raise IntegrityError for a file that might not fit into memory."""
    with blaming(file, kind):
        require_item(file.stat().st_size, most=most)


def content(file: Path, kind: str, most: int | None = None) -> bytes:
    """The bytes of a file that is read as a whole; errors are those of `require_file`."""
    require_file(file, kind, most)
    return file.read_bytes()


def require_growth(packed: int, size: int, growth: int = FILE_GROWTH) -> None:
    """Raise ValueError where so many bytes become more than they may."""
    if size > max(SMALL_BYTES, growth * packed):
        raise ValueError(f"unpacks {packed} bytes to {size}, as bombs do")


class Bounded(io.RawIOBase):
    """What a packed file of so many bytes unpacks to; ValueError where it grows too much."""

    def __init__(self, content: IO[bytes], packed: int) -> None:
        self.content, self.packed, self.size = content, packed, 0

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: "memoryview", /) -> int:  # type: ignore[override]
        """Read what fits into a buffer."""
        data = self.content.read(len(buffer))
        buffer[: len(data)] = data
        self.size += len(data)
        require_growth(self.packed, self.size)
        return len(data)

    def close(self) -> None:
        """Close the packed file, too."""
        self.content.close()
        super().close()


def bounded(content: IO[bytes], packed: int) -> IO[bytes]:
    """The unpacked content of a file of so many bytes, within its bound."""
    return cast(IO[bytes], io.BufferedReader(Bounded(content, packed), 1 << 16))
