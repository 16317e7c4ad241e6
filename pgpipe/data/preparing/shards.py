"""Images of one shape as .npy files of bounded size: the writer, which can go on after its death.

`pgpipe.data.feeding.multires.ImageStore` reads them.
"""

import hashlib
import io
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.plumbing.files import CHUNK_BYTES, fresh_folder, sync_folder
from pgpipe.plumbing.hashes import sha256_file

if TYPE_CHECKING:
    from hashlib import _Hash

SHARD_BYTES = 4 << 30


class Mark(NamedTuple):
    """How far a writer is."""

    shape: Sequence[int] = ()  # of an image
    hashes: Sequence[str] = ()  # of the closed shards
    held: int = 0  # images of the open shard
    open: str = ""  # digest of the open shard so far


START = Mark()


class ShardWriter:
    """Appends images of one shape to `folder` as .npy shards of bounded size.

    From the second one on, a shard is hashed while it is written, as if it will be full. The first,
    and the last where it is not full, are read again for their hashes: their header comes before
    all else and is not known earlier. What a mark says of the first is its CRC-32, so that a set of
    one shard is not hashed twice.
    """

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES, mark: Mark = START) -> None:
        """Write to an empty folder, or go on behind a mark.

        Raises:
            IntegrityError: the files of `folder` are not what the mark says.
        """
        self.folder, self.shard_bytes = folder, shard_bytes
        self.file: BinaryIO | None = None
        self.hash: _Hash | None = None  # of the open shard so far
        self.sum: int | None = None  # CRC-32 of the data of the first, once it is asked for
        self.hashes: list[str] = []  # of the closed shards
        self.held = self.capacity = 0  # images of the open shard
        self.shape: tuple[int, ...] = ()
        if mark == START:
            fresh_folder(folder)
        else:
            self.resume(mark)

    def resume(self, mark: Mark) -> None:
        """Verify what there is, and open the shard that was open."""
        self.shape = tuple(mark.shape)
        for known in mark.hashes:
            self.require(sha256_file(self.following()), known)
            self.hashes.append(known)
        if mark.held:
            self.open(self.shape, mark.held)
            self.require(self.digest, mark.open)

    def require(self, found: str, known: str) -> None:
        """Refuse a shard of another hash."""
        if found != known:
            self.drop()
            raise IntegrityError(f"{self.following()}: not what was written (hash differs)")

    def append(self, images: Images) -> None:
        """Add uint8 [n, N, N, C]; all have to have the same N, N, C."""
        while len(images):
            file = self.file or self.open(images.shape[1:])
            some = np.ascontiguousarray(images[: self.capacity - self.held])
            file.write(some.data)
            self.add(some.data)
            self.held += len(some)
            images = images[len(some) :]
            if self.held == self.capacity:
                self.close()

    def following(self) -> Path:
        """The shard that is written, or is to be written next."""
        return self.folder / f"{len(self.hashes):05d}.npy"

    def open(self, shape: tuple[int, ...], held: int = 0) -> BinaryIO:
        """Begin a shard of as many images of a shape as it may hold, or go on behind some."""
        self.shape, self.held, self.path = shape, held, self.following()
        self.capacity = max(1, self.shard_bytes // math.prod(shape))
        self.file = self.path.open("r+b" if held else "wb")
        self.file.write(header := self.header(self.capacity))
        self.hash, self.sum = hashlib.sha256(header) if self.hashes else None, None
        if held:
            self.read_again()
            self.file.seek(len(header) + held * math.prod(shape))
            self.file.truncate()
        return self.file

    def add(self, data: bytes | memoryview) -> None:
        """Take data of the open shard into its digest."""
        if self.hash is not None:
            self.hash.update(data)
        elif self.sum is not None:
            self.sum = zlib.crc32(data, self.sum)

    def read_again(self) -> None:
        """Take all data that the open shard has in its file into its digest."""
        self.sum = 0
        left = self.held * math.prod(self.shape)
        with self.path.open("rb") as file:
            file.seek(len(self.header(self.capacity)))
            while left and (data := file.read(min(left, CHUNK_BYTES))):
                self.add(data)
                left -= len(data)

    @property
    def digest(self) -> str:
        """Return the hash of the open shard so far, in hexadecimal."""
        return self.hash.hexdigest() if self.hash is not None else f"{self.sum:08x}"

    def header(self, count: int) -> bytes:
        """Return a header of one length: numpy leaves room for the first axis to grow."""
        buffer = io.BytesIO()
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()

    def mark(self) -> Mark:
        """How far it is; so much is on the disk, whatever happens to the machine."""
        sync_folder(self.folder)
        if self.file is None:
            return Mark(self.shape, [*self.hashes])
        self.file.flush()
        os.fsync(self.file.fileno())
        if self.hash is None and self.sum is None:
            self.read_again()
        return Mark(self.shape, [*self.hashes], self.held, self.digest)

    def drop(self) -> None:
        """Leave the open shard as it is."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def close(self) -> None:
        """End the open shard; its header states how many images it has."""
        if self.file is None:
            return
        with self.file as file:
            self.file = None
            file.seek(0)
            file.write(self.header(self.held))
            if full := self.held == self.capacity:
                file.flush()
                os.fsync(file.fileno())  # marks speak for it
        self.hashes.append(self.hash.hexdigest() if self.hash and full else sha256_file(self.path))
