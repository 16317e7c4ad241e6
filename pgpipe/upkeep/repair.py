"""Mending what kills have left, in an order in which each mend may rely on those before it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pgpipe.experiments.queue import dvc_repo
from pgpipe.upkeep import experiments, mends, verify
from pgpipe.upkeep.claims import examine
from pgpipe.upkeep.live import alone_in


def repair(root: Path, dry_run: bool, report: Callable[[int], object]) -> Iterator[str]:
    """Mend what can be mended, unless `dry_run`; a line for each thing that was found.

    `report` is told how many bytes of the cache were read.

    Raises:
        LockedError: a live process is at work in the project.
    """
    with alone_in(root), dvc_repo() as repo:
        cache = Path(repo.cache.local.path)

        def found() -> Iterator[mends.Mend]:
            yield from mends.rwlocks(root)
            yield from mends.dvc_lock(root)
            yield from experiments.records(root)
            yield from experiments.lost_tasks(repo)
            yield from experiments.workspaces(root)
            yield from experiments.detached_head()
            yield from mends.litter(root, cache)
            claims = verify.collect(root, cache)
            faults = [*claims.faults, *examine(claims.claims, report).faults]
            yield from mends.cache_objects(root, cache, faults)

        for mend in found():
            if not dry_run:
                mend.do()
            yield mend.line
