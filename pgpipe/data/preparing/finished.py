"""The last data set that was finished, kept by its key, so that an edit costs no preparation.

    .pgpipe/prepared/<key>/...           links to the arrays of the set: they take no space
                          manifest.json  with the hash of every array
                          sha256         of the manifest

DVC runs the stage again after any edit of its code, and deletes its output before. Where the edit
changes no meaning, or is undone, the key is the same and the arrays come back from here, verified.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from pgpipe.data.feeding.multires import MANIFEST
from pgpipe.data.preparing.writing import write_set
from pgpipe.errors import PgpipeError
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import link_or_copy, write_bytes, write_json
from pgpipe.plumbing.hashes import sha256_file, sha256_json

HASH = "sha256"


def restore(root: Path, key: str, target: Path) -> dict[str, Any] | None:
    """Give `target` the finished set of a key.

    Returns:
        Its manifest; None, and an untouched `target`, where there is no such set or a part of it
        is damaged.
    """
    folder = root / key
    try:
        manifest: dict[str, Any] = sealed.read_json(folder / MANIFEST)
        hashes = {name: array["sha256"] for name, array in manifest["arrays"].items()}
        intact = (folder / HASH).read_text() == sha256_json(manifest) and all(
            sha256_file(folder / name) == wanted for name, wanted in hashes.items()
        )
    except (PgpipeError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not intact:
        return None
    for name in hashes:
        link_or_copy(folder / name, target / name)
    write_set(target, manifest)
    return manifest


def keep(root: Path, key: str, target: Path, manifest: dict[str, Any]) -> None:
    """Keep the set in `target` by its key, in place of those of other keys.

    Where the file system has no links, nothing is kept.
    """
    building = root / f".{key}-{os.getpid()}"  # another process may finish the same set
    shutil.rmtree(building, ignore_errors=True)
    try:
        for name in manifest["arrays"]:
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(target / name, building / name)
        write_json(building / MANIFEST, manifest)
        write_bytes(building / HASH, sha256_json(manifest).encode())
        for other in root.iterdir():
            if other != building:
                shutil.rmtree(other, ignore_errors=True)
        building.rename(root / key)
    except OSError:
        shutil.rmtree(building, ignore_errors=True)
