"""Parameters: params.yaml, read as YAML 1.2, validated by frozen types.

A stage states what it reads as one `Section` whose fields are sections of params.yaml, or dotted
paths into it (the field's alias, where `{key}` stands for the stage's key). It sees nothing else;
a test holds that equal to the stage's `params:` in dvc.yaml.
"""

import difflib
import reprlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, ErrorDetails
from pydantic_core.core_schema import no_info_before_validator_function
from ruamel.yaml import YAML
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from pgpipe.errors import UsageError
from pgpipe.plumbing.unwritable import refusal

PARAMS_FILE = Path("params.yaml")

Document = Mapping[str, Any]  # the whole of a params.yaml

MAX_DEPTH, MAX_ALIASES = 16, 64  # of a YAML file; a params.yaml has 4 levels
MAX_NAME = 80  # characters of a key that an error repeats

SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, MAX_NAME, MAX_NAME

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A group of parameters: immutable; unknown, missing and mistyped keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


def require_power_of_two(resolution: int) -> int:
    """Growth doubles: pass 4, 8, 16, ... on, refuse anything else."""
    if resolution & (resolution - 1):
        below = 1 << (resolution.bit_length() - 1)
        raise ValueError(f"{resolution} is not a power of two; near: {below}, {2 * below}")
    return resolution


def require_no_nul(text: str) -> str:
    """Pass what can be a path."""
    if "\0" in text:
        raise ValueError(f"{text!r} has a NUL, which no path has")
    return text


PhaseKey = Annotated[str, Field(pattern="^r[0-9]+$")]  # it becomes a part of paths
PowerOfTwo = Annotated[int, AfterValidator(require_power_of_two)]

# Every number has two bounds: beyond them a run can only fail, or never end. These are shared.
Seed = Annotated[int, Field(ge=0, le=(1 << 64) - 1)]  # all that differ
# Thousands of images: at most 80 times the paper's longest run; an image at least.
Kimg = Annotated[float, Field(ge=0, le=1e6)]
SomeKimg = Annotated[float, Field(ge=1e-3, le=1e6)]
Minibatch = Annotated[int, Field(ge=1, le=1 << 16)]  # images
LearningRate = Annotated[float, Field(ge=1e-12, le=1)]
MOST_IMAGES = 1 << 24  # that are drawn, made or scored

Auto = Literal["auto"]  # a number that follows from the data


@dataclass(frozen=True)
class AutoOr:
    """Pass `auto` and whole numbers from `ge` to `le`; refuse anything else in one line."""

    ge: int
    le: int = MOST_IMAGES
    multiple_of: int = 1

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Look at a value before pydantic does."""
        return no_info_before_validator_function(self.require, handler(source))

    def require(self, value: object) -> object:
        """Return the value, where it is one of those."""
        if value == "auto":
            return value
        # A preset's numbers may be of a subclass of int, which remembers how it was written.
        whole = value if isinstance(value, int) and not isinstance(value, bool) else None
        if whole is None or not self.ge <= whole <= self.le or whole % self.multiple_of:
            parity = f", a multiple of {self.multiple_of}" if self.multiple_of > 1 else ""
            bounds = f"from {self.ge} to {self.le}{parity}"
            raise ValueError(f"{shown(value)} is neither auto nor a number {bounds}")
        return whole


def number(value: int | Auto, auto: int) -> int:
    """The value, or what `auto` stands for."""
    return auto if isinstance(value, str) else value


def paths_of(view: type[Section]) -> list[str]:
    """The dotted paths into params.yaml that `view` reads, as dvc.yaml names them."""
    return [field.alias or name for name, field in view.model_fields.items()]


class Bounds(NamedTuple):
    """How much a YAML file may hold."""

    size: int  # bytes
    events: int  # keys and values


USERS = Bounds(1 << 16, 4096)  # parsed within a second; a params.yaml has 6 kB, 300 events
DVCS = Bounds(1 << 22, 1 << 18)  # a dvc.lock has 9 kB and 800 events for each phase


def read_params(view: type[S], key: str = "", file: Path = PARAMS_FILE) -> S:
    """Read and validate the part of `file` that `view` names.

    Raises:
        UsageError: the file is missing or no YAML, or a parameter is not what `view` states.
    """
    return part_of(load_yaml(file), view, str(file), key)


def part_of(document: Mapping[str, Any], view: type[S], source: str, key: str = "") -> S:
    """Validate the part of a whole document that `view` names; errors are those of `validate`."""
    found = stated(document, view, key)
    return validate(view, {k: v for k, v in found.items() if v is not None}, source, key)


def stated(document: Mapping[str, Any], view: type[Section], key: str) -> dict[str, Any]:
    """Return what a whole document states of the parameters of `view`, None where it does not."""
    return {path: lookup(document, path.replace("{key}", key)) for path in paths_of(view)}


@contextmanager
def unedited(view: type[Section], key: str = "", file: Path = PARAMS_FILE) -> Iterator[None]:
    """Hold a block to the part of `file` that `view` names as it was when the block began.

    DVC reads parameters once more when a stage has ended, and would take its result for one of
    those that were edited meanwhile.

    Raises:
        UsageError: a parameter was edited while the block ran.
    """
    before = dict(leaves(stated(load_yaml(file), view, key)))
    yield
    now = dict(leaves(stated(load_yaml(file), view, key)))
    for path in [path for path in {**before, **now} if before.get(path) != now.get(path)]:
        was, became = (shown(values.get(path)) for values in (before, now))
        raise UsageError(
            f"{file}: {path.replace('{key}', key)} was {was} when this began, and is {became}; run "
            f"it again for {became}, or put {was} back and run it again, which keeps what is done"
        )


def validate(view: type[S], values: Mapping[str, Any], source: str, key: str = "") -> S:
    """Make a `view` of `values`; `source` is what an error names as their place."""
    try:
        return view.model_validate(values)
    except ValidationError as error:
        # A key that is misspelt is also missing: name the misspelling.
        details = sorted(error.errors(), key=lambda d: d["type"] != "extra_forbidden")
        first = describe(view, details[0], key)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        raise UsageError(" ".join(f"{source}: {first}{more}".split())) from None


def load_yaml(file: Path, comments: bool = False, bounds: Bounds = USERS) -> dict[str, Any]:
    """Read a YAML 1.2 mapping, as DVC reads it (1e-05 is a number, `no` is a string).

    With `comments`, it can be written again as it stood.
    """
    return parse_yaml(yaml_text(file, bounds), str(file), comments, bounds)


def yaml_text(file: Path, bounds: Bounds = USERS) -> str:
    """The text of a YAML file, which is no mapping yet.

    Raises:
        UsageError: there is none that can be read, or it is too long.
    """
    try:
        if file.exists() and not file.is_file():  # reading a pipe would wait for ever
            raise UsageError(f"{file}: not a file")
        with file.open("rb") as opened:
            data = opened.read(bounds.size + 1)
        if len(data) > bounds.size:
            raise UsageError(f"{file}: more than {bounds.size} bytes")
        return data.decode().replace("\r\n", "\n")
    except FileNotFoundError:
        raise UsageError(f"{file}: not found; run pgpipe from the project's root") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise refusal(error, file) or UsageError(f"{file}: {error.strerror}") from None


def parse_yaml(
    text: str, source: str, comments: bool = False, bounds: Bounds = USERS
) -> dict[str, Any]:
    """The mapping that `text` is in YAML 1.2; `source` is what an error names as its place."""
    try:
        document = deepcopy(parsed(text, comments, bounds.events))
    except Exception as error:  # bad text makes ruamel raise anything, assertions too
        raise UsageError(f"{source}: {in_one_line(error)}") from None
    if not isinstance(document, dict):
        found = type(document).__name__
        raise UsageError(f"{source}: expected a mapping of sections, found {found}")
    return document


@lru_cache(maxsize=256)  # a stage reads params.yaml many times, a study all presets
def parsed(text: str, comments: bool, most_events: int) -> Any:
    """What `text` is in YAML 1.2, which is not to be changed; see `load_yaml`."""
    yaml = YAML() if comments else YAML(typ="safe", pure=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a paragraph for each anchor that is used again
        refuse_excess(yaml, text, most_events)
        return yaml.load(text)


def refuse_excess(yaml: YAML, text: str, most_events: int) -> None:
    """Raise ValueError where constructing what `text` says could take long; nothing recurses."""
    depth = aliases = 0
    for number, event in enumerate(yaml.parse(text)):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        aliases += isinstance(event, AliasEvent)
        for found, most, what in (
            (depth, MAX_DEPTH, "levels"),
            (aliases, MAX_ALIASES, "aliases"),
            (number, most_events, "keys and values"),
        ):
            if found > most:
                raise ValueError(f"more than {most} {what} at line {event.start_mark.line + 1}")


def in_one_line(error: Exception) -> str:
    """The problem and its line, of a YAML error that fills a paragraph."""
    mark = getattr(error, "problem_mark", None)
    problem = (
        getattr(error, "problem", None) or (str(error).splitlines() or [type(error).__name__])[0]
    )
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return " ".join(f"not valid YAML: {problem}{place}".split())


def lookup(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a nested mapping with its dotted path."""
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def describe(view: type[Section], detail: ErrorDetails, key: str = "") -> str:
    """One line about one problem: `train.learning_rate: -1 is not > 0`."""
    place = ".".join(str(part)[:MAX_NAME] for part in detail["loc"]).replace("{key}", key)
    place = place.removesuffix(".bool").removesuffix(".int")
    context, found = detail.get("ctx", {}), shown(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            text = f"unknown key{nearest(str(detail['loc'][-1]), fields_at(view, detail['loc']))}"
        case "missing":
            text = "missing"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as kind:
            sign = (">" if kind[0] == "g" else "<") + ("=" if kind.endswith("equal") else "")
            text = f"{found} is not {sign} {next(iter(context.values()))}"
        case "literal_error":
            text = f"{found} is not one of {context['expected']}"
        case "value_error":
            text = str(context["error"])
        case _:
            text = f"{found}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    return f"{place}: {text}" if place else text


def shown(value: object) -> str:
    """A value as Python writes it, in a few words where it is large, nested or endless."""
    try:
        return SHORT.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def nearest(name: str, known: list[str]) -> str:
    """A hint that names the known key most like `name`."""
    close = difflib.get_close_matches(name[:MAX_NAME], known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"


def fields_at(view: type[Section], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known where `location`'s last part stands."""
    fields = view.model_fields
    for part in location[:-1]:
        field = next((f for n, f in fields.items() if part in (n, f.alias)), None)
        kind = next((k for k in section_types(field.annotation)), None) if field else None
        fields = kind.model_fields if kind else fields
    return [field.alias or name for name, field in fields.items()]


def section_types(annotation: Any) -> Iterator[type[Section]]:
    """The Section types inside an annotation such as `dict[str, Phase]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from section_types(inner)
