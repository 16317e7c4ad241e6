"""The commands `pgpipe verify`, `repair` and `gc`: is everything whole, and is it still used."""

from typing import Annotated

import typer

from pgpipe.plumbing.terminal import counted, say


def verify() -> None:
    """Re-hash outputs, DVC's cache, data and states; name each bad or missing file."""
    from pathlib import Path

    from pgpipe.errors import IntegrityError
    from pgpipe.experiments.queue import dvc_repo
    from pgpipe.plumbing.project import project_root
    from pgpipe.reporting.progress import Meter
    from pgpipe.upkeep import verify as upkeep

    with dvc_repo() as repo:
        claims = upkeep.collect(project_root(), Path(repo.cache.local.path))
    with Meter("verify, MB", claims.size // 10**6) as meter:
        examined, lines = upkeep.verify(claims, lambda done: meter.update(done // 10**6))
    for line in [*lines, *(f"not verified: {what}" for what in claims.unknown)]:
        say(line)
    say(f"{counted(examined.files, 'file')}, {examined.size / 1e6:.1f} MB, read and compared")
    if lines:
        raise IntegrityError(
            f"{len(lines)} bad or missing, named above; delete a bad output, run pgpipe repair for "
            "a bad object of the cache, then dvc repro"
        )


def repair(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be mended.")
    ] = False,
) -> None:
    """Mend what a kill can leave behind in DVC; refuse while a process works on the project."""
    from pgpipe.plumbing.project import project_root
    from pgpipe.reporting.progress import Meter
    from pgpipe.upkeep.repair import repair as mend

    found = 0
    with Meter("repair, MB", 0) as meter:
        for line in mend(project_root(), dry_run, lambda done: meter.update(done // 10**6)):
            found += 1
            say(f"{'would be mended: ' if dry_run else ''}{line}")
    say(f"{found} found" if found else "nothing to mend")


def gc(
    days: Annotated[
        float, typer.Option("--days", min=0, help="Keep what was used in the last so many days.")
    ] = 14,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Remove saved states of trainings that no parameters, code or experiment need any more."""
    from pgpipe.experiments.revisions import require_project
    from pgpipe.plumbing.project import project_root
    from pgpipe.upkeep import gc as upkeep

    require_project()
    total, done = 0, "would be removed" if dry_run else "removed"
    for folder, size, age in upkeep.collect(project_root(), days, dry_run):
        total += size
        ago = f"{counted(round(age), 'day')} ago"
        say(f"{done}: {folder.name}, {size / 1e6:.1f} MB, last used {ago}")
    say(f"{total / 1e6:.1f} MB {done}" if total else "nothing to remove")
