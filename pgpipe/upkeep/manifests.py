"""What our own files say of others: the data set's manifest, the names of states, the weights."""

import re
from collections.abc import Iterator
from pathlib import Path

from pgpipe.errors import IntegrityError
from pgpipe.metrics import inception_file
from pgpipe.plumbing import sealed
from pgpipe.upkeep.claims import Claim

MANIFEST = Path("data/multires/manifest.json")
STATES = Path(".pgpipe/state")
STATE = re.compile(r"\d+-(?P<sha256>[0-9a-f]{64})\.safetensors")


def of_data(root: Path) -> Iterator[Claim]:
    """Yield what the manifest claims of the prepared arrays.

    Raises:
        IntegrityError: the manifest is not what `prepare` writes.
    """
    if not (root / MANIFEST).exists():
        return
    try:
        arrays = sealed.read_json(root / MANIFEST)["arrays"]
        known = {name: str(array["sha256"]) for name, array in arrays.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise IntegrityError(f"{MANIFEST}: not a manifest") from None
    for name, wanted in known.items():
        yield Claim(root / MANIFEST.parent / name, "sha256", wanted, str(MANIFEST))


def of_states(root: Path) -> Iterator[Claim]:
    """The states of phases, which the names of the files state the hashes of."""
    for path in sorted((root / STATES).glob("*/*")):
        if found := STATE.fullmatch(path.name):
            yield Claim(path, "sha256", found["sha256"], "its name")


def of_weights() -> Iterator[Claim]:
    """The Inception network, where it was fetched."""
    if inception_file.path().exists():
        yield Claim(inception_file.path(), "sha256", inception_file.SHA256, "pgpipe weights")
