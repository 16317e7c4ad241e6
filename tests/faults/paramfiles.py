"""A grammar of params.yaml: files that are wrong in one known way.

A document is nested mappings of YAML tokens, so that a token may be what no Python value writes.
"""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from tinyparams import VALID

from pgpipe.config import leaves

Tokens = dict[str, Any]  # of each key its token, or Tokens
TWICE = "\0"  # ends the name of a key that stands there for a second time

LEAVES = dict(leaves(VALID))
PATHS, SECTIONS = sorted(LEAVES), sorted(VALID)
NUMBERS = [path for path in PATHS if type(LEAVES[path]) in (int, float)]
FLAGS = [path for path in PATHS if type(LEAVES[path]) is bool and path != "train.minibatch_stddev"]
OPTIONAL = ("learning_rate", "minibatch")  # of a phase
MANDATORY = [path for path in PATHS if "phases" not in path or not path.endswith(OPTIONAL)]


@dataclass(frozen=True)
class File:
    """The bytes of a params.yaml, and what its refusal has to name."""

    kind: str
    data: bytes = field(repr=False)
    named: str = ""


def tokens(value: Any) -> Any:
    """A document whose values are JSON, which is YAML."""
    if isinstance(value, dict):
        return {key: tokens(inner) for key, inner in value.items()}
    return json.dumps(value)


def block(document: Tokens, indent: str = "") -> str:
    """The text of a document, a line a key."""
    return "".join(
        f"{indent}{key.removesuffix(TWICE)}:"
        + (f" {value}\n" if isinstance(value, str) else f"\n{block(value, indent + '  ')}")
        for key, value in document.items()
    )


def flow(document: Tokens) -> str:
    """The text of a document in braces."""
    inner = (
        f"{key.removesuffix(TWICE)}: {value if isinstance(value, str) else flow(value)}"
        for key, value in document.items()
    )
    return f"{{{', '.join(inner)}}}"


def holder(document: Tokens, path: str) -> tuple[Tokens, str]:
    """The mapping that holds a path's last key, and that key."""
    *parents, last = path.split(".")
    for name in parents:
        document = document[name]
    return document, last


def edited(changes: dict[str, str]) -> Tokens:
    """A valid document but for these tokens."""
    document: Tokens = tokens(VALID)
    for path, token in changes.items():
        inner, last = holder(document, path)
        inner[last] = token
    return document


# One value

NOWHERE = ("[1]", "{a: 1}", "null", "2001-01-01", "[]", "!!binary aGk=", "!!set {a}", "~", "")
NO_NUMBER = (
    *("-1", ".nan", ".inf", "-.inf", "1e999", "'1'", "yes", "no", "true", "1:30:00", "190:20:30"),
    *("'1,5'", "1.2.3", "x", "-1e-300", "0x", f"-0x{'f' * 5000}"),
)
NO_FLAG = ("yes", "no", "on", "off", "y", "n", "'true'", "0", "1", "1.0", "TRUE?", "tru", "-1")

negative = st.integers(-(10**30), -1).map(str) | st.floats(-1e300, -1e-300).map(repr)
quoted = st.text(max_size=40).map(json.dumps)
one_value = st.one_of(
    st.tuples(st.just("type"), st.sampled_from(MANDATORY), st.sampled_from(NOWHERE)),
    st.tuples(st.just("number"), st.sampled_from(NUMBERS), st.sampled_from(NO_NUMBER)),
    st.tuples(st.just("flag"), st.sampled_from(FLAGS), st.sampled_from(NO_FLAG)),
    st.tuples(st.just("range"), st.sampled_from(NUMBERS), negative),
    st.tuples(st.just("text"), st.sampled_from(NUMBERS + FLAGS), quoted),
).map(lambda drawn: (drawn[0], edited({drawn[1]: drawn[2]}), drawn[1]))


# One key

KNOWN = {part for path in PATHS for part in path.split(".")}


def more(kind: str, path: str, key: str, named: str) -> tuple[str, Tokens, str]:
    """A document with one key more, beside the last of `path`."""
    document = copy.deepcopy(tokens(VALID))
    inner, last = holder(document, path)
    inner[key] = inner[last]
    return kind, document, named


def missing(path: str) -> tuple[str, Tokens, str]:
    """A document without a key."""
    document = copy.deepcopy(tokens(VALID))
    inner, last = holder(document, path)
    del inner[last]
    return "missing key", document, path


plane = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])  # JSON pairs the others
foreign = st.text(plane, min_size=1, max_size=200).filter(lambda key: key not in KNOWN)
beside = st.sampled_from([path for path in PATHS if "phases" not in path])
one_key = st.one_of(
    st.builds(
        lambda path, key: more("unknown key", path, json.dumps(key), "unknown key"), beside, foreign
    ),
    st.builds(
        lambda path: more("duplicate key", path, f"{path.split('.')[-1]}{TWICE}", "duplicate key"),
        st.sampled_from(PATHS + SECTIONS),
    ),
    st.builds(missing, st.sampled_from(MANDATORY + SECTIONS)),
)

# Several values, each of which another file may have: what the refusal names, and the values

NONSENSE: list[tuple[str, dict[str, str]]] = [
    ("growth: final", {"growth.final": '"r64"'}),
    ("growth.phases.r16.from", {"growth.phases.r16.from": "r4"}),
    ("growth: phases.r32.from", {"growth.phases.r32.from": "r32"}),
    ("growth.phases.r32.res", {"dataset.resolution": "16"}),
    ("growth.phases.r8", {"growth.phases.r8.fade_kimg": "0", "growth.phases.r8.stable_kimg": "0"}),
    ("growth.phases.r4", {"growth.phases.r4.fade_kimg": "1e-3"}),
    ("growth.final", {"growth.final": "r8"}),
    ("minibatch_stddev", {"train.minibatch_stddev": "3"}),
    ("updates", {"train.updates": "simultaneous", "train.discriminator_steps": "2"}),
    ("train.full_resolution", {"train.gradient_at": "full", "train.full_resolution": "64"}),
    ("dcgan", {"model.name": "dcgan"}),
    ("vae", {"model.name": "vae"}),
    ("model.name", {"model.name": "weak", "model.fused_downsampling": "false",
                    "growth.final": "r16"}),
    ("model.generator_norm", {"model.generator_norm": "batch", "sample.minibatch": "1"}),
    ("model.discriminator_norm", {"model.discriminator_norm": "batch", "train.minibatch": "1"}),
    ("discrimination", {"model.minibatch_discrimination": "4", "train.minibatch": "1"}),
    ("sample.images", {"score.swd_images": "100000"}),
    ("score.classifier_splits", {"score.classifier_splits": "100000"}),
    ("resolution", {"dataset.resolution": "512"}),
    ("color", {"dataset.name": "digits-1k", "dataset.resolution": "32", "dataset.color": "gray"}),
    ("label_conditioning", {"dataset.name": "digits-1k", "dataset.resolution": "32"}),
    ("label_conditioning", {"train.label_conditioning": "joint", "train.loss": "wgan-gp"}),
]  # fmt: skip
together = st.sampled_from(NONSENSE).map(lambda drawn: ("nonsense", edited(drawn[1]), drawn[0]))

wrong_documents = st.builds(
    lambda drawn, style: File(drawn[0], style(drawn[1]).encode(), drawn[2]),
    one_value | one_key | together,
    st.sampled_from([block, flow]),
)
