"""The commands `pgpipe verify` and `pgpipe repair`: is everything whole, and making it so."""

from typing import Annotated

import typer


def verify() -> None:
    """Re-hash outputs, DVC's cache, data and states; name each bad or missing file."""
    from pathlib import Path

    from pgpipe.ablation.queue import dvc_repo
    from pgpipe.errors import IntegrityError
    from pgpipe.project import project_root
    from pgpipe.reporting.progress import Meter
    from pgpipe.upkeep import verify as upkeep

    with dvc_repo() as repo:
        claims = upkeep.collect(project_root(), Path(repo.cache.local.path))
    with Meter("verify, MB", claims.size // 10**6) as meter:
        examined, lines = upkeep.verify(claims, lambda done: meter.update(done // 10**6))
    for line in [*lines, *(f"not verified: {what}" for what in claims.unknown)]:
        typer.echo(line)
    typer.echo(f"{examined.files} files, {examined.size / 1e6:.1f} MB, read and compared")
    if lines:
        raise IntegrityError(
            f"{len(lines)} bad or missing, named above; delete a bad output, run pgpipe repair for "
            "a bad object of the cache, then dvc repro"
        )


def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Mend what a kill can leave in DVC; never with a live process around."""
    from pgpipe.project import project_root
    from pgpipe.reporting.progress import Meter
    from pgpipe.upkeep.repair import repair as mend

    found = 0
    with Meter("repair, MB", 0) as meter:
        for line in mend(project_root(), dry_run, lambda done: meter.update(done // 10**6)):
            found += 1
            typer.echo(f"{'would be mended: ' if dry_run else ''}{line}")
    typer.echo(f"{found} found" if found else "nothing to mend")
