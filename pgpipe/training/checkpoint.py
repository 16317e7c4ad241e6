"""States of a running phase: a folder of hashed files outside of what DVC deletes and restores.

    <images>-<sha256>.safetensors   tensors, and JSON in the header; the last two are kept
    lock                            held by the live process that trains, with its pid
    ends/<images>-<sha256>...       names the state that is the end of a phase of so many images
    users/<name>                    an experiment that has used the states, and when; or "-"

A file's name carries the hash of its content, which is verified before anything is parsed. A bad
file is set aside and the one before it is used. The end of a phase is a state like any other: a
longer phase goes on from it, and a shorter one finds its own end or what was saved before it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from torch import Tensor

from pgpipe.errors import IntegrityError
from pgpipe.plumbing import locks, tensors
from pgpipe.plumbing.files import UNFINISHED
from pgpipe.plumbing.terminal import note, warn
from pgpipe.training import hashed

KEPT = 2
ENDS, USERS = "ends", "users"
DAMAGED = ".damaged"


class StateFolder:
    """The states of one phase, known by the key of all that determines its result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self, wait: bool = False) -> Iterator[None]:
        """Hold the folder for this process alone; the lock dies with it.

        Args:
            wait: for who holds it, and do not refuse.
        """
        file = self.folder / "lock"
        if wait and locks.is_held(file):
            note(f"waits for process {locks.first_number(file)}, which trains {self.folder.name}")
        alone = locks.alone(file, lambda pid: f"{self.folder}: process {pid} trains here")
        with locks.waiting(file, sign=True) if wait else alone:
            for litter in self.folder.glob(UNFINISHED):  # of killed processes: each a whole state
                litter.unlink()
            yield

    def save(self, images: int, named: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
        """Write a state; of the older ones, one is kept, and those that are the end of a phase."""
        path = hashed.write(self.folder, images, tensors.dump(named, facts))
        ends = self.ends().values()
        older = [state for state in self.states(images) if state not in ends]
        for old in older[:-KEPT]:
            old.unlink()
        return path

    def newest(self, most: int | None = None) -> tuple[tensors.Tensors, Any] | None:
        """Return the last intact state, of at most so many images if given; None without any.

        Raises:
            IntegrityError: there are states, and all of them are damaged.
        """
        for path in reversed(self.states(most)):
            data = hashed.read(path)
            if data is not None:
                state = tensors.parse(data)
                if hashed.images_of(path) == state[1]["progress"]["images"]:
                    return state
            path.replace(path.with_suffix(DAMAGED))
            warn(f"{path}: damaged (hash differs), set aside")
        damaged = sorted(path.name for path in self.folder.glob(f"*{DAMAGED}"))
        if damaged and not self.states():
            raise IntegrityError(
                f"{self.folder}: all states are damaged ({', '.join(damaged)}); "
                "delete the folder to start anew"
            )
        return None

    def facts(self) -> Any:
        """What the last state tells of itself beside the tensors; None where none is intact."""
        intact = (path for path in reversed(self.states()) if hashed.is_intact(path))
        return next((tensors.read(path)[1] for path in intact), None)

    def note_user(self, experiment: str) -> None:
        """Note that an experiment uses the states now, or, without a name, the project itself."""
        file = self.folder / USERS / (quote(experiment, safe="") or "-")
        file.parent.mkdir(exist_ok=True)
        file.touch()

    def users(self) -> set[str]:
        """Return the names of the experiments that have used the states."""
        return {unquote(file.name) for file in (self.folder / USERS).glob("*")}

    def states(self, most: int | None = None) -> list[Path]:
        """Return the states, of at most so many images if given, oldest first."""
        found = hashed.files(self.folder)
        return [path for path in found if most is None or hashed.images_of(path) <= most]

    def result(self, images: int) -> Path | None:
        """Return the state that is the end of a phase of so many images, if finished and intact."""
        state = self.ends().get(images)
        return state if state and state.exists() and hashed.is_intact(state) else None

    def ends(self) -> dict[int, Path]:
        """Return the states that are ends of phases, by their images."""
        intact = (path for path in hashed.files(self.folder / ENDS) if hashed.is_intact(path))
        names = {hashed.images_of(path): tensors.read_facts(path) for path in intact}
        return {images: self.folder / name for images, name in names.items()}

    def finish(self, images: int) -> None:
        """Declare the state of so many images the end of a phase."""
        name = self.states(images)[-1].name
        hashed.write(self.folder / ENDS, images, tensors.dump({}, name))
