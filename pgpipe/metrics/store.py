"""Rows of numbers that are written once and read in order, as often as wanted.

They are in memory while they fit, then in a file without a name, which goes with its last user. It
is read and not mapped: pages of a mapping would count as this process's memory.
"""

from collections.abc import Iterator
from os import SEEK_END
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import torch
from torch import Tensor

from pgpipe.plumbing.project import folder_for_much
from pgpipe.plumbing.unwritable import naming_full_disk

READ = 4096  # rows at once
FLOAT = 4  # bytes


class Store:
    """Rows float32 [M, width]."""

    def __init__(self, width: int, memory: int, device: torch.device) -> None:
        """Keep at most `memory` bytes on the device; rows come back there in any case."""
        self.width, self.most = width, memory // (FLOAT * width)  # columns and rows
        self.held = torch.empty(0, width, device=device)
        self.file: IO[bytes] | None = None
        self.rows = 0

    @property
    def kept(self) -> int:
        """Bytes on the device."""
        return 0 if self.file else self.rows * FLOAT * self.width

    def append(self, rows: Tensor) -> None:
        """Add rows [n, width].

        Raises:
            ResourceError: the disk is full.
        """
        end = self.rows + len(rows)
        if self.file is None and end > self.most:
            self.file = TemporaryFile(dir=folder_for_much())  # noqa: SIM115 - lives as the store
            self.write(self.held[: self.rows])
            self.held = self.held.new_empty(0, self.width)
        if self.file is None:
            self.hold(rows, end)
        else:
            self.write(rows)
        self.rows = end

    def hold(self, rows: Tensor, end: int) -> None:
        """Add rows in memory: one block, as many small ones would stay with the process."""
        if end > len(self.held):
            self.held.resize_(min(2 * end, self.most), self.width)
        self.held[self.rows : end] = rows

    def write(self, rows: Tensor) -> None:
        """Add rows to the file."""
        assert self.file is not None
        with naming_full_disk(folder_for_much()):
            self.file.seek(0, SEEK_END)  # from where somebody read
            self.file.write(rows.cpu().numpy().data)
            self.file.flush()  # a full disk is known of here

    def batches(self) -> Iterator[Tensor]:
        """[n, width], from the first row on; n is READ in all but the last."""
        for start in range(0, self.rows, READ):
            if self.file is None:
                yield self.held[start : min(start + READ, self.rows)]
            else:
                self.file.seek(start * FLOAT * self.width)
                rows = np.fromfile(self.file, np.float32, READ * self.width)
                yield torch.from_numpy(rows).view(-1, self.width).to(self.held.device)
