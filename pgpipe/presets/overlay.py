"""Overlays: parts of a params.yaml, and directives beside its sections.

A mapping is merged, any other value replaces, null deletes. Several overlays are first combined in
order into one (the later wins); its sections are merged into the parameters, then its directives
change the result. So overlays that name different keys mean the same in any order.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from copy import deepcopy
from typing import Annotated, Any

from pydantic import Field

from pgpipe.config import Section, lookup, shown, validate
from pgpipe.errors import UsageError
from pgpipe.gan.schedule import GrowthSection

Document = MutableMapping[str, Any]
Factor = Annotated[float, Field(ge=1e-6, le=1e6)]


class Directives(Section):
    """What an overlay may state beside sections."""

    base: str | None = None  # the preset that it continues
    replace: list[str] = Field(default_factory=list)  # mappings, by dotted path, that it states
    # whole: what else params.yaml has there goes
    growing: bool | None = None  # false: the final phase alone, with all images of its chain
    total: Factor = 1.0  # times all images of the chain, by a longer last phase
    scale: dict[str, Factor] = Field(default_factory=dict)  # factors of values, by dotted path


class Grown(Section):
    """What the directives read of the merged parameters."""

    growth: GrowthSection


def directives(overlay: Mapping[str, Any], source: str) -> Directives:
    """The directives of an overlay; `source` is what an error names as their place."""
    stated = {key: overlay[key] for key in Directives.model_fields if key in overlay}
    return validate(Directives, stated, source)


def combine(overlays: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One overlay that says what all say in order; nulls stay, for the document to come."""
    combined: dict[str, Any] = {}
    for overlay in overlays:
        merge(combined, overlay, keep_nulls=True)
    return combined


def apply(document: Document, overlay: Mapping[str, Any], source: str) -> None:
    """Change `document` by a combined overlay: its sections first, then its directives.

    Raises:
        UsageError: a directive does not fit the merged parameters.
    """
    stated = directives(overlay, source)
    for path in stated.replace:
        if not isinstance(lookup(overlay, path), Mapping):
            raise UsageError(f"{source}: replace: {path} is no mapping that these presets state")
        prune(lookup(document, path), lookup(overlay, path))
    merge(document, {k: v for k, v in overlay.items() if k not in Directives.model_fields})
    if stated.growing is not None:
        (require_growth if stated.growing else collapse)(document, source)
    if stated.total != 1:
        lengthen(document, stated.total, overlay, source)
    for path, factor in stated.scale.items():
        rescale(document, path, factor, overlay, source)


def merge(document: Document, overlay: Mapping[str, Any], keep_nulls: bool = False) -> None:
    """Change `document` by `overlay`, key by key."""
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(document.get(key), MutableMapping):
            merge(document[key], value, keep_nulls)
        elif keep_nulls:
            document[key] = deepcopy(value)
        elif (new := without_nulls(deepcopy(value))) is None:
            document.pop(key, None)
        else:
            document[key] = new


def prune(document: Any, overlay: Any) -> None:
    """Remove from a mapping, and from the mappings inside it, each key that `overlay` lacks."""
    if not isinstance(document, MutableMapping) or not isinstance(overlay, Mapping):
        return
    for key in list(document):
        if key in overlay:
            prune(document[key], overlay[key])
        else:
            del document[key]


def without_nulls(value: Any) -> Any:
    """Remove nulls, and mappings of nothing else, inside `value`: where nothing is, none deletes.

    Returns:
        The same value, or None where nothing of it stays.
    """
    if not isinstance(value, MutableMapping):
        return value
    for key in list(value):
        if without_nulls(value[key]) is None:
            del value[key]
    return value or None


def grown(document: Document, source: str) -> GrowthSection:
    """The growth of the merged parameters."""
    return validate(Grown, {"growth": document.get("growth")}, source).growth


def total_kimg(growth: GrowthSection) -> float:
    """Images of the chain that leads to the final phase, in thousands."""
    return sum(phase.fade_kimg + phase.stable_kimg for _, phase in growth.chain())


def collapse(document: Document, source: str) -> None:
    """`growing: false`: the final phase from the start, with all images; no other phase."""
    growth = grown(document, source)
    phases = document["growth"]["phases"]
    alone = {"from": "init", "fade_kimg": 0, "stable_kimg": plain(total_kimg(growth))}
    phases[growth.final].update(alone)
    for key in phases.keys() - {growth.final}:
        del phases[key]


def require_growth(document: Document, source: str) -> None:
    """`growing: true`: nothing to undo, but phases that were removed have to be stated again."""
    growth = grown(document, source)
    chain = growth.chain()
    if len(chain) == 1 and chain[0][1].res > 4:
        raise UsageError(
            f"{source}: growing: {growth.final} is the only phase; name a preset that states the "
            "others too, or restore params.yaml"
        )


def lengthen(document: Document, factor: float, overlay: Mapping[str, Any], source: str) -> None:
    """`total`: so many times the images of the chain, the more in the last stable part."""
    growth = grown(document, source)
    require_stated(f"growth.phases.{growth.final}.stable_kimg", overlay, f"{source}: total")
    stable = growth.phases[growth.final].stable_kimg + (factor - 1) * total_kimg(growth)
    document["growth"]["phases"][growth.final]["stable_kimg"] = plain(stable)


def rescale(
    document: Document, path: str, factor: float, overlay: Mapping[str, Any], source: str
) -> None:
    """`scale`: a factor of the number at `path`; an integer stays one, at least 1."""
    require_stated(path, overlay, f"{source}: scale")
    parent, _, key = path.rpartition(".")
    number = lookup(document, path)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"{source}: scale: {path} is {number!r}, no number")
    try:
        scaled = number * factor
    except OverflowError:
        raise UsageError(f"{source}: scale: {path} is {shown(number)}, too large") from None
    lookup(document, parent)[key] = (
        max(1, round(scaled)) if isinstance(number, int) else plain(scaled)
    )


def require_stated(path: str, overlay: Mapping[str, Any], source: str) -> None:
    """Refuse to multiply what params.yaml has from before: a second time would do it again."""
    if lookup(overlay, path) is None:
        raise UsageError(
            f"{source}: none of these presets sets {path}, and what params.yaml has may be changed "
            "already; name one that sets it"
        )


def plain(number: float) -> float:
    """The number as a person would write it: no rounding noise, no decimals of a whole one."""
    rounded = float(f"{number:.9g}")
    return int(rounded) if rounded.is_integer() else rounded
