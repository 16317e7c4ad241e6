"""Images of one shape as .npy files of bounded size: the writer, which can go on after its death.

`pgpipe.data.multires.ImageStore` reads them.
"""

import hashlib
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from pgpipe.errors import IntegrityError
from pgpipe.files import CHUNK_BYTES, fresh_folder, sha256_file, sync_folder
from pgpipe.images import Images

if TYPE_CHECKING:
    from hashlib import _Hash

SHARD_BYTES = 4 << 30


class Mark(NamedTuple):
    """How far a writer is."""

    shape: Sequence[int] = ()  # of an image
    hashes: Sequence[str] = ()  # of the closed shards
    held: int = 0  # images of the open shard
    open: str = ""  # hash of the open shard so far, as if it will be full


START = Mark()


class ShardWriter:
    """Appends images of one shape to `folder` as .npy shards of bounded size.

    From the second one on, and after a mark, a shard is hashed while it is written, as if it will
    be full. Others, and the last where it is not full, are read again for their hashes.
    """

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES, mark: Mark = START) -> None:
        """Write to an empty folder, or go on behind a mark.

        Raises:
            IntegrityError: the files of `folder` are not what the mark says.
        """
        self.folder, self.shard_bytes = folder, shard_bytes
        self.file: BinaryIO | None = None
        self.hash: _Hash | None = None  # of the open shard so far
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
            self.require(self.hash.hexdigest() if self.hash else "", mark.open)

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
            if self.hash is not None:
                self.hash.update(some.data)
            self.held += len(some)
            images = images[len(some) :]
            if self.held == self.capacity:
                os.fsync(file.fileno())  # a mark speaks for it
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
        self.hash = hashlib.sha256(header) if self.hashes else None
        if held:
            self.hash = self.hash_so_far()
            self.file.seek(len(header) + held * math.prod(shape))
            self.file.truncate()
        return self.file

    def hash_so_far(self) -> "_Hash":
        """Of the open shard, as it is in the file."""
        digest = hashlib.sha256(header := self.header(self.capacity))
        left = self.held * math.prod(self.shape)
        with self.path.open("rb") as file:
            file.seek(len(header))
            while left and (data := file.read(min(left, CHUNK_BYTES))):
                digest.update(data)
                left -= len(data)
        return digest

    def header(self, count: int) -> bytes:
        """Of one length: numpy leaves room for the first axis to grow, so it can be rewritten."""
        buffer = io.BytesIO()
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()

    def mark(self) -> Mark:
        """How far it is; so much is on the disk, whatever happens to the machine."""
        if self.file is None:
            return Mark(self.shape, [*self.hashes])
        self.file.flush()
        os.fsync(self.file.fileno())
        sync_folder(self.folder)
        if self.hash is None:
            self.hash = self.hash_so_far()
        return Mark(self.shape, [*self.hashes], self.held, self.hash.hexdigest())

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
        full = self.held == self.capacity
        self.hashes.append(self.hash.hexdigest() if self.hash and full else sha256_file(self.path))
