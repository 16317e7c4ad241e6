"""Re-hashing what DVC and the stages have stored: neither looks at a file that it knows again."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pgpipe.errors import IntegrityError
from pgpipe.upkeep import cache, lockfile, manifests
from pgpipe.upkeep.claims import Claim, Examined, Fault, examine


class Claims(NamedTuple):
    """What is to be verified, what was found to be wrong on the way, and what cannot be told."""

    claims: list[Claim]
    faults: list[Fault]
    problems: list[str]
    unknown: list[str]

    @property
    def size(self) -> int:
        """Bytes of all files, each counted once."""
        files = [claim.path.stat() for claim in self.claims if claim.path.is_file()]
        return sum({(s.st_dev, s.st_ino): s.st_size for s in files}.values())


def collect(root: Path, cache_folder: Path) -> Claims:
    """All that is stated of the files of a project."""
    stored = cache.read(cache_folder)
    found = Claims([*cache.objects(stored)], [*stored.faults], [], [])
    try:
        found.claims.extend(manifests.of_data(root))
    except IntegrityError as error:
        found.problems.append(str(error))
    found.claims.extend(manifests.of_states(root))
    found.claims.extend(manifests.of_weights())
    collect_outputs(root, stored, found)
    return found


def collect_outputs(root: Path, stored: cache.Cache, found: Claims) -> None:
    """Add what dvc.lock states; without it outputs cannot be verified."""
    try:
        lock = lockfile.read(root)
    except IntegrityError as error:
        found.problems.append(f"{error}; run pgpipe repair")
        lock = None
    if lock is None:
        found.unknown.append(
            f"outputs against {lockfile.LOCK_FILE}, which cannot be read"
            if found.problems
            else f"outputs against {lockfile.LOCK_FILE}: there is none"
        )
        return
    for output in lockfile.outputs(root, lock):
        found.claims.extend(cache.of_output(stored, output))


def verify(claims: Claims, report: Callable[[int], object]) -> tuple[Examined, list[str]]:
    """Read every file once; what was read, and a line for each that is bad or missing."""
    examined = examine(claims.claims, report)
    faults = dict.fromkeys(map(str, [*claims.faults, *examined.faults]))
    return examined, [*claims.problems, *faults]
