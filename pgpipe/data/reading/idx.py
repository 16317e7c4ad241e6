"""The idx format of MNIST's files (LeCun, Cortes and Burges): a header, then the raw bytes.

    0, 0, 8 (unsigned bytes), number of axes; each axis' length as big-endian uint32; the elements

Read strictly: the header has to promise exactly what the file holds, within a cap.
"""

import gzip
import io
import math
import struct
import zlib
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading import bounds
from pgpipe.errors import IntegrityError

GZIP_MAGIC = b"\x1f\x8b"
MAX_ELEMENTS = 1 << 28  # 256 MB; MNIST's images are 47 MB


def parse(data: bytes, name: str, axes: int) -> NDArray[np.uint8]:
    """Read the array of so many axes from the bytes of a file, gzipped or not.

    Raises:
        IntegrityError: another format or number of axes, too large, truncated, or too long.
    """
    try:
        with (
            bounds.bounded(cast(IO[bytes], gzip.open(io.BytesIO(data))), len(data))
            if data.startswith(GZIP_MAGIC)
            else io.BytesIO(data) as file
        ):
            start = file.read(4)
            if start != bytes([0, 0, 8, axes]):
                raise ValueError(
                    f"starts with {start.hex()}, not with {bytes([0, 0, 8, axes]).hex()}"
                )
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            count = math.prod(shape)
            if count > MAX_ELEMENTS:
                raise ValueError(f"shape {shape} is more than {MAX_ELEMENTS} bytes")
            elements = file.read(count + 1)  # a bomb's rest stays packed
    except (ValueError, struct.error, EOFError, OSError, zlib.error) as error:
        raise IntegrityError(f"{name}: not an idx file: {error}") from None
    if len(elements) != count:
        more = "more" if len(elements) > count else f"{len(elements)}"
        raise IntegrityError(f"{name}: shape {shape} needs {count} bytes, found {more}")
    return np.frombuffer(elements, np.uint8).reshape(shape)
