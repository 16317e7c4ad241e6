"""The command `pgpipe weights`: the Inception network, which the default pipeline does without."""

from pathlib import Path
from typing import Annotated

import typer


def weights(
    source: Annotated[Path | None, typer.Option("--from", help="Take this file.")] = None,
    url: Annotated[
        list[str] | None, typer.Option(help="Fetch it from here (may be given several times).")
    ] = None,
) -> None:
    """Fetch the network of the Inception score, FID, KID, precision, recall; resumes."""
    from pgpipe import fetch
    from pgpipe.metrics import inception_file as file
    from pgpipe.reporting.progress import Meter

    if source and url:
        raise typer.BadParameter("give either --from or --url")
    if source:
        fetch.copy(source, file.path(), file.SHA256)
    elif not file.is_there():
        with Meter("weights, MB", file.MEGABYTES) as meter:
            fetch.fetch(
                url or file.URLS, file.path(), file.SHA256, lambda n: meter.update(n // 10**6)
            )
    typer.echo(f"{file.path()} is there; ask for its scores with score.inception: true")
