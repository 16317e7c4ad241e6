"""The command `pgpipe weights`: the Inception network, which the default pipeline does without."""

from pathlib import Path
from typing import Annotated

import typer

from pgpipe.plumbing.terminal import say


def weights(
    source: Annotated[
        Path | None, typer.Option("--from", help="Take this file instead of fetching one.")
    ] = None,
    url: Annotated[
        list[str] | None, typer.Option(help="Address to fetch it from; may be given several times.")
    ] = None,
) -> None:
    """Fetch the Inception network, for FID and the like; an interrupted download goes on."""
    from pgpipe.metrics import inception_file as file
    from pgpipe.plumbing.fetch.mirrors import fetch
    from pgpipe.plumbing.fetch.wanted import Wanted, copy
    from pgpipe.reporting.progress import arriving

    if source and url:
        raise typer.BadParameter("give either --from or --url")
    size = file.MEGABYTES * 10**6
    wanted = Wanted(file.SHA256, most=size)
    if source:
        copy(source, file.path(), wanted)
    else:
        with arriving("weights", size) as report:
            fetch(url or file.URLS, file.path(), wanted, report)
    say(f"{file.path()} is there; ask for its scores with score.inception: true")
