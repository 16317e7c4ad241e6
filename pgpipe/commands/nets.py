"""The command `pgpipe nets show`: the networks layer by layer, as the paper's table 2."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pgpipe.plumbing.terminal import say, say_table

if TYPE_CHECKING:
    from pgpipe.gan.layerwise import Row

app = typer.Typer(name="nets", help="What the networks are.", no_args_is_help=True)

HEADINGS = ("layer", "activation", "norm", "output", "parameters")


@app.command()
def show(
    presets: Annotated[
        list[str] | None, typer.Argument(help="Names of presets; params.yaml as it is if none.")
    ] = None,
) -> None:
    """Show each network at the final resolution, layer by layer, as the paper's Table 2 does."""
    from pgpipe.config import PARAMS_FILE, load_yaml
    from pgpipe.gan import layerwise
    from pgpipe.gan.systems import SYSTEMS
    from pgpipe.presets.files import merged
    from stages.check import check, plan_of

    document = merged(presets) if presets else load_yaml(PARAMS_FILE)
    source = f"preset {' '.join(presets)}" if presets else str(PARAMS_FILE)
    plan = plan_of(check(dict(document), source))
    side = plan.resolution
    for name in SYSTEMS[plan.spec.name].networks:
        rows = layerwise.rows(plan.spec, name, side)
        shown, every = sum(r.parameters for r in rows), layerwise.parameters(plan.spec, name, side)
        say(f"{name} ({plan.spec.name}, {side}x{side} pixels):")
        say_table([*lines(rows), ("in all", "", "", "", f"{shown:,}")], HEADINGS, right=(4,))
        more = f"; {every:,} with those that only fades use" if every > shown else ""
        say(f"{shown / 1e6:.1f} M trainable parameters{more}", "")


def lines(rows: "list[Row]") -> Iterator[tuple[str, ...]]:
    """Yield the cells of each layer."""
    for row in rows:
        output = " x ".join(map(str, row.shape))
        activation = row.activation or "-"
        yield (
            row.layer,
            activation,
            row.norm or "-",
            output,
            f"{row.parameters:,}" if row.parameters else "-",
        )
