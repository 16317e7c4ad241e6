"""params.yaml is either valid or one line that says where and why not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from pgpipe.config import (
    Auto,
    AutoOr,
    Section,
    leaves,
    load_yaml,
    paths_of,
    read_params,
    validate,
)
from pgpipe.errors import UsageError
from pgpipe.gan.config import TrainSection
from pgpipe.gan.schedule import Phase
from stages.check import Params, check

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "tests/params.yaml").read_text(encoding="utf-8")
VALID = load_yaml(ROOT / "tests/params.yaml")
SOURCE = "params.yaml: "

Write = Callable[[str | bytes], Path]


class PhaseView(Section):
    """As stages.train reads it."""

    train: TrainSection
    phase: Phase = Field(alias="growth.phases.{key}")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        file = tmp_path / "params.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return written


def edited(old: str, new: str) -> str:
    """params.yaml with one line begun another way."""
    start = re.compile(rf"^(\s*){re.escape(old)}(?=\s|$)", re.MULTILINE)
    text, count = start.subn(lambda found: found[1] + new, TEXT, count=1)
    assert count == 1, old
    return text


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        check(load_yaml(file), str(file))
    line = str(caught.value)
    assert len(line.splitlines()) == 1, line
    assert line.startswith(f"{file}: ")
    return line.removeprefix(f"{file}: ")


def test_params_of_the_repository_are_valid() -> None:
    assert isinstance(check(VALID, "params.yaml"), Params)


# What a parameter may not be


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("minibatch: 8", "minibatch: 0", "train.minibatch: 0 is not >= 1"),
        ("learning_rate: 0.002", "learning_rate: -1", "train.learning_rate: -1 is not >= 1e-12"),
        ("adam_beta2: 0.99", "adam_beta2: 1", "train.adam_beta2: 1 is not <= 0.999999"),
        ("adam_beta1: 0.0", "adam_beta1: 0.999", "train: adam_beta1: the square of 0.999 is above "
         "adam_beta2, 0.99: after a large gradient Adam's steps would grow without bound"),
        ("fmap_max: 64", "fmap_max: 9999", "model.fmap_max: 9999 is not <= 4096"),
        ("device: auto", "device: gpu",
         "train.device: 'gpu' is not one of 'auto', 'cpu' or 'cuda'"),
        ("full_resolution: 32", "full_resolution: 48",
         "train.full_resolution: 48 is not a power of two; near: 32, 64"),
        ("r8: {res: 8,", "r8: {res: 9,",
         "growth.phases.r8.res: 9 is not a power of two; near: 8, 16"),
    ],
)  # fmt: skip
def test_out_of_range_names_path_value_and_bound(
    write: Write, old: str, new: str, message: str
) -> None:
    found = refusal(write(edited(old, new)))
    assert re.sub(r"(?<=\d)\.0\b", "", found) == message


@pytest.mark.parametrize(
    ("old", "new", "path", "value"),
    [
        ("learning_rate: 0.002", "learning_rate: '0.002'", "train.learning_rate", "'0.002'"),
        ("learning_rate: 0.002", "learning_rate: true", "train.learning_rate", "True"),
        ("minibatch: 8", "minibatch: true", "train.minibatch", "True"),
        ("minibatch: 8", "minibatch: 8.0", "train.minibatch", "8.0"),
        ("minibatch: 8", "minibatch:", "train.minibatch", "None"),
        ("mirror: false", "mirror: 0", "train.mirror", "0"),
        ("mirror: false", "mirror: yes", "train.mirror", "'yes'"),
        ("path: data/own", "path: 7", "dataset.path", "7"),
        ("fmap_max: 64", "fmap_max: [64]", "model.fmap_max", "[64]"),
        ("r8: {res: 8,", "r8: {res: '8',", "growth.phases.r8.res", "'8'"),
        ("minibatch_stddev: true", "minibatch_stddev: x", "train.minibatch_stddev", "'x'"),
        ("minibatch_stddev: true", "minibatch_stddev: 1", "train.minibatch_stddev", "1"),
    ],
)
def test_wrong_type_names_path_and_value(
    write: Write, old: str, new: str, path: str, value: str
) -> None:
    assert refusal(write(edited(old, new))).startswith((f"{path}: {value}: ", f"{path}: {value} "))


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999"])
def test_a_number_is_finite(write: Write, number: str) -> None:
    found = refusal(write(edited("learning_rate: 0.002", f"learning_rate: {number}")))
    assert re.fullmatch(
        r"train\.learning_rate: -?(nan|inf): input should be a finite number", found
    )


@pytest.mark.parametrize(
    ("key", "number"), [("stable_kimg", "1e306"), ("fade_kimg", "1e306"), ("tick_kimg", "1e306")]
)
def test_a_number_of_images_is_finite(write: Write, key: str, number: str) -> None:
    text = re.sub(rf"{key}: [1-9][0-9.]*", f"{key}: {number}", TEXT, count=1)
    assert text != TEXT
    assert key.split("_")[0] in refusal(write(text))


# What a key may not be


def test_missing_key_is_named(write: Write) -> None:
    assert refusal(write(edited("minibatch: 8", "# no minibatch"))) == "train.minibatch: missing"


def test_missing_section_is_named(write: Write) -> None:
    text = TEXT[: TEXT.index("tracking:")]
    assert refusal(write(text)) == "tracking: missing"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"trian": {}}, "trian: unknown key; did you mean train?"),
        ({"train": {"minibach": 8}}, "train.minibach: unknown key; did you mean minibatch?"),
        ({"growth": {"phases": {"r8": {"fade": 1}}}},
         "growth.phases.r8.fade: unknown key; did you mean fade_kimg?"),
        ({"growth": {"phases": {"r8": {"form": "r4"}}}},
         "growth.phases.r8.form: unknown key; did you mean from?"),
        ({"tracking": {"xyz": 1}}, "tracking.xyz: unknown key; known: enabled, experiment"),
    ],
)  # fmt: skip
def test_unknown_key_is_named_with_the_nearest_one(document: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(overlaid(VALID, document), "params.yaml")
    assert str(caught.value) == SOURCE + message


def test_misspelt_key_is_named_with_the_right_one(write: Write) -> None:
    """All keys are mandatory, so a slip of the pen is a missing key too: the hint comes first."""
    found = refusal(write(edited("minibatch: 8", "minibach: 8")))
    assert found.startswith("train.minibach: unknown key; did you mean minibatch?")


def test_several_errors_are_counted(write: Write) -> None:
    text = edited("minibatch: 8", "minibatch: 0").replace("mirror: false", "mirror: 0")
    assert refusal(write(text)).endswith("(and 1 more)")


@pytest.mark.parametrize("value", ["'{key}'", "'{0}{x}'"])
def test_braces_in_a_value_are_only_braces(write: Write, value: str) -> None:
    assert refusal(write(edited("name: photos", f"name: {value}"))).startswith(
        f"dataset.name: {value} is not one of"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: photos", r'name: "a\nb"'),
        ("name: photos", r'"na\nme": photos'),
        ("r8: {res: 8,", r'"r\n8": {res: 8,'),
        ("final: r32", r'final: "r\n32"'),
        ("path: data/own", r'"pa\u2028th": x'),
    ],
)
def test_line_breaks_in_keys_and_values_do_not_break_the_line(
    write: Write, old: str, new: str
) -> None:
    refusal(write(edited(old, new)))


# What a file may not be


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n- b\n", "expected a mapping of sections, found list"),
        ("hello\n", "expected a mapping of sections, found str"),
        ("", "expected a mapping of sections, found NoneType"),
        ("# only a comment\n", "expected a mapping of sections, found NoneType"),
        (b"dataset:\n  name: \xff\n", "not UTF-8 at byte 17"),
    ],
)
def test_a_file_that_is_no_mapping(write: Write, content: str | bytes, message: str) -> None:
    assert refusal(write(content)) == message


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 'duplicate key "a"', 3),
        ("a:\n\tb: 1\n", "cannot start any token", 2),
        ("a: [1, 2\n", "expected ',' or ']'", 2),
        ("a: 1\n---\nb: 2\n", "another document", 2),
        ("a: *nowhere\n", "undefined alias", 1),
        ("a: !!python/object:os.system x\n", "could not determine a constructor", 1),
        ("a: \x01\n", "special characters are not allowed", None),
    ],
)
def test_broken_yaml_names_the_problem_and_its_line(
    write: Write, content: str, problem: str, line: int | None
) -> None:
    found = refusal(write(content))
    assert found.startswith("not valid YAML: ")
    assert problem in found
    if line:
        assert f" at line {line}, column " in found


@pytest.mark.parametrize(
    "value",
    ["2001-99-99", "!!int abc", "!!float abc", "!!bool abc", "!!timestamp x", "9" * 5000,
     "[" * 999 + "]" * 999, "{a: " * 999 + "1" + "}" * 999],
)  # fmt: skip
def test_a_value_that_yaml_cannot_construct_is_an_error_in_the_file(
    write: Write, value: str
) -> None:
    refusal(write(f"dataset: {value}\n"))


def test_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.yaml: not found; run pgpipe from the project's root"):
        load_yaml(tmp_path / "x.yaml")


def test_folder_in_place_of_the_file_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load_yaml(tmp_path)


# YAML 1.2, as DVC reads it


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-05", 1e-05), ("1e-5", 1e-5), ("1E5", 1e5), ("0o17", 15), ("0x1F", 31), ("017", 17),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("true", True),
        ("12:30:45", "12:30:45"), ("~", None), ("null", None), ("'1'", "1"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(write: Write, written: str, value: object) -> None:
    found = load_yaml(write(f"key: {written}\n"))["key"]
    assert found == value
    assert type(found) is type(value)


def test_small_float_of_dvc_is_a_number(write: Write) -> None:
    text = edited("learning_rate: 0.002", "learning_rate: 1e-05")
    assert check(load_yaml(write(text)), "params.yaml").train.learning_rate == 1e-05


# What a stage gets


@pytest.mark.parametrize("name", ["train", "dataset", "score"])
def test_sections_are_immutable(name: str) -> None:
    section = getattr(check(VALID, "params.yaml"), name)
    with pytest.raises(ValidationError, match="frozen"):
        section.seed = 1


def test_view_reads_the_dotted_path_of_its_key(write: Write) -> None:
    view = read_params(PhaseView, "r16", write(TEXT))
    assert view.phase.res == 16
    assert view.train.minibatch == 8
    assert paths_of(PhaseView) == ["train", "growth.phases.{key}"]


def test_view_does_not_see_what_it_does_not_name(write: Write) -> None:
    text = edited("fmap_max: 64", "fmap_max: nonsense").replace("r8: {res: 8,", "r8: {res: x,")
    assert read_params(PhaseView, "r16", write(text)).phase.res == 16


@pytest.mark.parametrize(
    ("key", "old", "new", "message"),
    [
        ("r99", "seed: 0", "seed: 0", "growth.phases.r99: missing"),
        ("", "seed: 0", "seed: 0", "growth.phases.: missing"),
        ("r8", "r8: {res: 8,", "r8: {res: '8',",
         "growth.phases.r8.res: '8': input should be a valid integer"),
        ("r8", "r8: {res: 8,", "r8: {res: 8, fade: 1,",
         "growth.phases.r8.fade: unknown key; did you mean fade_kimg?"),
        ("r4", "r4: {res: 4, from: init, fade_kimg: 0,", "r4: {res: 4, from: init, fade_kimg: 1,",
         "growth.phases.r4: fade_kimg must be 0 in a phase from init: it has no older layers"),
    ],
)  # fmt: skip
def test_views_error_names_the_whole_path(
    write: Write, key: str, old: str, new: str, message: str
) -> None:
    file = write(edited(old, new))
    with pytest.raises(UsageError) as caught:
        read_params(PhaseView, key, file)
    assert str(caught.value) == f"{file}: {message}"


# Whatever the document


def overlaid(document: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for key, value in overlay.items():
        nested = isinstance(value, dict) and isinstance(document.get(key), dict)
        merged[key] = overlaid(document[key], value) if nested else value
    return merged


def valid_or_one_line(act: Callable[[], object]) -> None:
    message = "valid"
    try:
        act()
    except UsageError as error:
        message = str(error)
    assert len(message.splitlines()) == 1, message


keys = st.text(max_size=6) | st.sampled_from(["r8", "{key}", "a\nb", "res", "from"])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from([10**400, 1e308, 5e-324, "{key}", "a\nb", b"", 4, 32])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)
paths = st.sampled_from([path for path, _ in leaves(VALID)] + list(VALID) + ["growth.phases.r8"])
fuzz = settings(
    deadline=None, derandomize=True, database=None, max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


def changed(
    document: dict[str, Any], path: str, change: Callable[[dict[str, Any], str], None]
) -> Any:
    """A copy of the document, with `change` done to the mapping that holds the path's last key."""
    *parents, last = path.split(".")
    copy = inner = dict(document)
    for name in parents:
        inner[name] = inner = dict(inner[name])
    change(inner, last)
    return copy


@fuzz
@given(paths, values)
def test_any_value_anywhere_is_valid_or_refused_in_one_line(path: str, value: Any) -> None:
    document = changed(VALID, path, lambda inner, key: inner.update({key: value}))
    valid_or_one_line(lambda: check(document, "params.yaml"))


@fuzz
@given(paths, st.none() | keys, values)
def test_any_key_renamed_or_added_is_valid_or_refused_in_one_line(
    path: str, name: str | None, value: Any
) -> None:
    def rename(inner: dict[str, Any], key: str) -> None:
        if name is not None:
            inner[name] = inner[key] if value is None else value
        inner.pop(key)

    valid_or_one_line(lambda: check(changed(VALID, path, rename), "params.yaml"))


@fuzz
@given(values)
def test_any_document_is_valid_or_refused_in_one_line(value: Any) -> None:
    document = value if isinstance(value, dict) else {"growth": value}
    valid_or_one_line(lambda: validate(Params, document, "params.yaml"))


fragments = st.sampled_from(
    ["a", "1", ":", ": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",", "#", "&a", "*a", "!!int ",
     "!!bool ", "!x ", "'", '"', "|", ">", "%", "@", "---", "...", "? ", "<<: ", "~", "2001-1-",
     "0x", "1_", "é", "\t", "\\"]
)  # fmt: skip


@fuzz
@given(st.lists(fragments, max_size=8).map("".join) | st.text(max_size=20))
@example("a: 2001-1-99")
@example("a: !!int a")
def test_any_text_is_a_mapping_or_refused_in_one_line(write: Write, text: str) -> None:
    file = write(text.encode("utf-8", "surrogatepass"))
    valid_or_one_line(lambda: load_yaml(file))


def test_numbers_of_a_preset_are_numbers_where_auto_is_possible() -> None:
    """The reader that keeps comments makes a class of its own of 0."""
    zero = YAML().load("number: 0")["number"]
    assert type(zero) is not int
    adapter: TypeAdapter[int | str] = TypeAdapter(Annotated[int | Auto, AutoOr(0)])
    assert adapter.validate_python(zero) == 0
    for wrong in (True, -1, 0.0, "0", None):
        with pytest.raises(ValidationError, match="neither auto nor a number from 0 to"):
            adapter.validate_python(wrong)
