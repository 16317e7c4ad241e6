"""The numbers of params.yaml, from the schema itself, and docs/parameters.md's table of them.

`python tests/schema.py` writes the table anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from pgpipe.config import Auto, Section, require_power_of_two, section_types
from stages.check import Params

PAGE = Path(__file__).parents[1] / "docs/parameters.md"
HEAD = "| parameter | least | most | and |\n|---|---|---|---|\n"


class Number(NamedTuple):
    """A parameter that may be a number."""

    path: str  # `growth.phases.rN.res` stands for all of them
    whole: bool
    least: float | None
    most: float | None
    words: tuple[str, ...]  # what else it may or has to be

    @property
    def row(self) -> str:
        """Of the table."""
        assert self.least is not None
        assert self.most is not None
        kind = "whole" if self.whole else ""
        notes = ", ".join(filter(None, (kind, *self.words)))
        return f"| `{self.path}` | {shown(self.least)} | {shown(self.most)} | {notes} |\n"


def shown(number: float) -> str:
    """A number for people."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"


def fields(view: type[Section] = Params, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All parameters by path; a phase is `rN`."""
    for name, field in view.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = [*section_types(field.annotation)]
        for kind in inner:
            phases = get_origin(field.annotation) is dict
            yield from fields(kind, f"{path}.rN." if phases else f"{path}.")
        if not inner:
            yield path, field


def numbers() -> Iterator[Number]:
    """All parameters that may be a number."""
    for path, field in fields():
        options = [*choices(field.annotation, field.metadata)]
        for kind, rules in options:
            if kind in (int, float):
                bounds = (
                    max((rule.ge for rule in rules if hasattr(rule, "ge")), default=None),
                    min((rule.le for rule in rules if hasattr(rule, "le")), default=None),
                )
                yield Number(path, kind is int, *bounds, (*words(options, rules),))


def choices(annotation: Any, rules: Any = ()) -> Iterator[tuple[Any, list[Any]]]:
    """The types that an annotation allows, each with what is asked of it."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from choices(inner, [*rules, *more])
    elif isinstance(annotation, type) or get_origin(annotation) is Literal:
        flat = (r.metadata if isinstance(r, FieldInfo) else [r] for r in rules)
        yield annotation, [rule for some in flat for rule in some]
    else:
        for option in get_args(annotation):
            yield from choices(option, rules)


def words(options: list[tuple[Any, list[Any]]], rules: list[Any]) -> Iterator[str]:
    """What a parameter may be beside a number, and what the number has to be."""
    if any(getattr(rule, "func", None) is require_power_of_two for rule in rules):
        yield "a power of two"
    if any(getattr(rule, "multiple_of", 1) == 2 for rule in rules):
        yield "even"
    for kind, _ in options:
        if kind == Auto:
            yield "or auto"
        if kind is bool:
            yield "or true, false"
        if kind is type(None):
            yield "or not stated"


def table() -> str:
    """As the page has it."""
    return HEAD + "".join(number.row for number in numbers())


def main() -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(HEAD)
    after = "".join(line for line in rest.splitlines(keepends=True) if not line.startswith("|"))
    PAGE.write_text(before + table() + after)


if __name__ == "__main__":
    main()
