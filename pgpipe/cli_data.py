"""The commands `pgpipe data ...`: the data sets that there are."""

import typer

app = typer.Typer(name="data", help="Data sets: what there is.", no_args_is_help=True)


@app.command("list")
def list_sources() -> None:
    """Name each data set: its size, its licence, and what you put where by hand."""
    from pgpipe.data.sources.catalogue import listing

    typer.echo("\n".join(listing()))


@app.callback()
def options() -> None:
    """Keep `list` a command of its own where it is the only one."""
