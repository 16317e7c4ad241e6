"""A data set while it is prepared, kept where DVC deletes nothing, so that a killed run goes on.

    .pgpipe/prepare/<key>-<n>/rN/00000.npy    shards, as far as they are written
                              progress.json   how far that is, with hashes of so much, and its own
                              lock            held by the live process that writes

`key` is the hash of all that determines the result. A complete shard gets its name in the data set
by a link; nothing is written twice on one disk.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding.multires import Block
from pgpipe.data.preparing import places
from pgpipe.data.preparing.shards import Mark
from pgpipe.data.preparing.writing import ALL, Progress, SetWriter, Split, write_manifest
from pgpipe.data.sources.table import SOURCES
from pgpipe.errors import IntegrityError
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import link_or_copy, write_bytes
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.provenance import running
from pgpipe.plumbing.terminal import warn
from pgpipe.plumbing.timer import Timer
from pgpipe.plumbing.unwritable import naming_full_disk

MARK_SECONDS = 30.0  # what a kill may cost
MARK_SHARE = 0.03  # of the time that marks may take
PROGRESS = "progress.json"
PACKAGES = ("numpy", "pillow", "scipy")  # which make the pixels
NO_PIXELS = {"path", "max_rejected"}  # what they are is in the raw files; how many may be bad


class Keeper:
    """Writes a data set in a folder of its own, from where an earlier run was ended."""

    def __init__(self, folder: Path, resolution: int, split: Split = ALL) -> None:
        """Go on in `folder` if what an earlier run has left there is intact, else begin."""
        self.folder, self.writer = folder, opened(folder, resolution, split)
        self.timer = Timer(MARK_SECONDS)

    def write(
        self, blocks: Iterable[Block], target: Path, classes: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Write the blocks that follow; `target` receives the whole set, as `writing.write` says.

        Returns:
            The manifest.
        """
        with naming_full_disk(self.folder):
            with self.writer as writer:
                for block in blocks:
                    writer.append(block)
                    if self.timer.elapsed():
                        self.mark()
            for name in writer.hashes:
                link_or_copy(self.folder / name, target / name)
            return write_manifest(target, writer, classes)

    def mark(self) -> None:
        """Note how far it is; the next time comes after a while that this one decides, too."""
        start = time.monotonic()
        progress = plain(self.writer.progress())
        state = {"progress": progress, "sha256": sha256_json(progress)}
        write_bytes(self.folder / PROGRESS, json.dumps(state).encode())
        self.timer.seconds = max(MARK_SECONDS, (time.monotonic() - start) / MARK_SHARE)
        self.timer.restart()


def plain(progress: Progress) -> dict[str, Any]:
    """Return how far a set is as JSON has it."""
    return {
        **progress._asdict(),
        "shards": [mark._asdict() for mark in progress.shards],
        "held_out": plain(progress.held_out) if progress.held_out else None,
    }


def opened(folder: Path, resolution: int, split: Split = ALL) -> SetWriter:
    """The writer of a set; what is damaged is written anew."""
    if not (folder / PROGRESS).exists():
        return SetWriter(folder, resolution, split=split)
    try:
        return SetWriter(folder, resolution, read_progress(folder / PROGRESS), split)
    except (IntegrityError, OSError, ValueError, KeyError, TypeError) as error:
        warn(f"{folder}: damaged, so begun anew: {error}")
        (folder / PROGRESS).unlink()
        return SetWriter(folder, resolution, split=split)


def read_progress(file: Path) -> Progress:
    """What `Keeper.mark` has noted."""
    state = sealed.read_json(file)
    found = state["progress"]
    if sha256_json(found) != state["sha256"]:
        raise IntegrityError(f"{file.name}: hash differs")
    return progress_of(found)


def progress_of(found: dict[str, Any]) -> Progress:
    """Return what `plain` was given."""
    rejected = [(name, reason) for name, reason in found["rejected"]]
    marks = [Mark(**mark) for mark in found["shards"]]
    apart = progress_of(found["held_out"]) if found["held_out"] else None
    return Progress(found["labels"], found["captions"], rejected, marks, apart)


@contextmanager
def kept(root: Path, key: str, resolution: int, split: Split = ALL) -> Iterator[Keeper]:
    """A context of a keeper below `root`; what it kept is gone when the set is done.

    So are, then, sets of other parameters that nobody works on.
    """
    with places.own(root, key) as folder:
        keeper = Keeper(folder, resolution, split)
        try:
            yield keeper
            (folder / PROGRESS).unlink(missing_ok=True)
        finally:
            keeper.writer.drop()
            if not (folder / PROGRESS).exists():  # done, or nothing to go on from
                shutil.rmtree(folder)
    places.remove_abandoned(root)


def key_of(dataset: DatasetSection, raw: Path, memory: Path) -> str:
    """Return the hash of all that determines the result: 16 hexadecimal digits.

    Raw files are known by name and content, code by the modules that a preparation of this source
    imports.

    Args:
        dataset: the section.
        raw: folder of the raw files.
        memory: file that keeps their hashes, so that none is read again until it changes.
    """
    files = sorted(sealed.require_raw(raw, memory).items())
    code = running().hash(["stages.prepare", SOURCES[dataset.name]])
    versions = [version(package) for package in PACKAGES]
    return sha256_json([dataset.model_dump(exclude=NO_PIXELS), files, code, versions])[:16]
