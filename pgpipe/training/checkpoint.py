"""States of a running phase: a folder of hashed files outside of what DVC deletes and restores.

    <images>-<sha256>.safetensors   tensors, and JSON in the header; the last two are kept
    lock                            held by the live process that trains, with its pid
    FINISHED                        names the state that is the result of the complete phase

A file's name carries the hash of its content, which is verified before anything is parsed. A bad
file is set aside and the one before it is used.
"""

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from pgpipe import tensors
from pgpipe.errors import IntegrityError, LockedError
from pgpipe.files import UNFINISHED, write_bytes
from pgpipe.training import hashed

KEPT = 2
FINISHED = "FINISHED"
DAMAGED = ".damaged"


class StateFolder:
    """The states of one phase, known by the key of all that determines its result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone; the lock dies with it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise LockedError(f"{self.folder}: process {file.read()} trains here") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            for litter in self.folder.glob(UNFINISHED):  # of killed processes: each a whole state
                litter.unlink()
            yield

    def save(self, images: int, named: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
        """Write a state; afterwards the older ones but one are dropped."""
        path = hashed.write(self.folder, images, tensors.dump(named, facts))
        for old in self.states()[:-KEPT]:
            old.unlink()
        return path

    def newest(self) -> tuple[tensors.Tensors, Any] | None:
        """The last intact state, or None where there is none yet.

        Raises:
            IntegrityError: there are states, and all of them are damaged.
        """
        for path in reversed(self.states()):
            data = hashed.read(path)
            if data is not None:
                state = tensors.parse(data)
                if hashed.images_of(path) == state[1]["progress"]["images"]:
                    return state
            path.replace(path.with_suffix(DAMAGED))
            sys.stderr.write(f"pgpipe: warning: {path}: damaged (hash differs), set aside\n")
        if damaged := sorted(path.name for path in self.folder.glob(f"*{DAMAGED}")):
            raise IntegrityError(
                f"{self.folder}: all states are damaged ({', '.join(damaged)}); "
                "delete the folder to start anew"
            )
        return None

    def facts(self) -> Any:
        """What the last state tells of itself beside the tensors; None where none is intact."""
        intact = (path for path in reversed(self.states()) if hashed.is_intact(path))
        return next((tensors.read(path)[1] for path in intact), None)

    def states(self) -> list[Path]:
        """The states, oldest first."""
        return hashed.files(self.folder)

    @property
    def result(self) -> Path | None:
        """The intact state that is the phase's result, if it is finished."""
        try:
            named = (self.folder / FINISHED).read_bytes()
            path = next(path for path in self.states() if path.name.encode() == named)
        except (FileNotFoundError, StopIteration):
            return None
        return path if hashed.is_intact(path) else None

    def finish(self) -> None:
        """Declare the newest state the result."""
        write_bytes(self.folder / FINISHED, self.states()[-1].name.encode())
