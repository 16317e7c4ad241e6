"""Files that are no params.yaml at all, or that mean to take long; and files that are right."""

import json
import random
from collections.abc import Callable

from hypothesis import strategies as st
from tinyparams import ROOT, VALID

from faults.paramfiles import FLAGS, LEAVES, NUMBERS, File, block, edited, flow, tokens

TEXT = (ROOT / "tests/params.yaml").read_bytes()

# What no YAML reader takes, or takes only for something else

NOT_UTF8 = (
    b"\xff",
    b"\xfe\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\x80",
    b"\xc0\x80",
)
CONTROL = (b"\0", b"\x01", b"\x1b[2J", b"\x7f", b"\x0c", b"\xef\xbf\xbf", b"\xc2\x81")
STRAY = [
    line.encode().replace(b"~t", b"\t").replace(b"~n", b"\n")
    for line in r"""
~tx: 1
a: [
a: {
'
"
%X
a: *nowhere
@a: 1
`a
- a
a: b: c
a: !!python/object/apply:os.system [id]
a: !x y
a: !!int x
a: !!float x
a: !!timestamp x
a: 2001-99-99
? [a]
---~na: 1
<<: 1
<<: [1]
&a a: *a
a: &b [*b]
1: 2
2001-01-01: 1
null: 1
a: |~n x~n~ty
a: 'x
!!set {a}: 1
"\e[31m": 1
"\ud800": 1
"\x9b": 1
""".strip().splitlines()
]


def inserted(kind: str, what: bytes, line: int) -> File:
    """`what` before one of the lines of the file."""
    lines = TEXT.splitlines(keepends=True)
    line %= len(lines)
    return File(kind, b"".join([*lines[:line], what, *lines[line:]]))


def appended(what: bytes) -> File:
    return File("stray", TEXT + what)


def cut(at: int) -> File:
    """The file without its end."""
    return File("cut", TEXT[: at % TEXT.index(b"  experiment:")])


def recoded(codec: str) -> File:
    return File("encoding", TEXT.decode().replace("seed", "sëed").encode(codec))


# What is small and takes long

DEEP: list[Callable[[int], str]] = [
    lambda n: "[" * n,
    lambda n: "[" * n + "]" * n,
    lambda n: "{a: " * n + "1" + "}" * n,
    lambda n: "\n" + "".join(" " * i + "a:\n" for i in range(1, min(n, 250))),
    lambda n: "- " * n,
    lambda n: "? " * n,
    lambda n: "&a [" * n,
    lambda n: "[" + "*x," * n + "]",
    lambda n: "[" + "1," * n + "]",
    lambda n: "x" * 40 * n,
    lambda n: '"' + "\\x41" * n + '"',
    lambda n: "'" + "''" * n + "'",
    lambda n: "9" * n,
    lambda n: "0x" + "9" * n,
    lambda n: "1e" + "9" * n,
    lambda n: "{" + ",".join(f"k{i}" for i in range(n)) + "}",
]


def bomb(levels: int, width: int) -> File:
    """Aliases of aliases: width ** levels values from a few lines."""
    lines = ["a0: &a0 [x]\n"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]\n" for i in range(1, levels)]
    return File("bomb", "".join([*lines, f"train: *a{levels - 1}\n"]).encode() + TEXT)


def merges(keys: int, count: int) -> File:
    """A large mapping, merged into many."""
    base = "base: &b {" + ", ".join(f"k{i}: 1" for i in range(keys)) + "}\n"
    return File("merges", (base + "".join(f"m{i}: {{<<: *b}}\n" for i in range(count))).encode())


def large(megabytes: int, filler: bytes) -> File:
    """The file after many megabytes of something."""
    return File("large", filler * (megabytes * 10**6 // len(filler)) + b"\n" + TEXT)


lines = st.integers(0, TEXT.count(b"\n"))
wrong_files = st.one_of(
    st.builds(inserted, st.just("not UTF-8"), st.sampled_from(NOT_UTF8), lines),
    st.builds(inserted, st.just("control"), st.sampled_from(CONTROL), lines),
    st.builds(appended, st.sampled_from(STRAY)),
    st.builds(cut, st.integers(0, len(TEXT))),
    st.builds(recoded, st.sampled_from(["latin-1", "utf-16", "utf-32", "utf-16-le", "cp1252"])),
    st.builds(
        lambda make, n: File("long", TEXT + f"more: {make(n)}\n".encode()),
        st.sampled_from(DEEP),
        st.integers(300, 30_000),
    ),
    st.builds(bomb, st.integers(3, 30), st.integers(2, 9)),
    st.builds(merges, st.integers(1, 4000), st.integers(1, 2000)),
    st.builds(large, st.integers(1, 10), st.sampled_from([b"# x\n", b"#", b" ", b"\n", b"x: 1\n"])),
    st.binary(max_size=400).map(lambda data: File("noise", data)),
    st.text(max_size=400).map(lambda text: File("text", text.encode("utf-8", "surrogatepass"))),
)

# Right

SAME = {"true": "True TRUE true", "false": "False FALSE false"}  # one value's tokens in YAML 1.2


def same_number(path: str, style: int) -> str:
    """Another token of the number that stands at a path."""
    value = LEAVES[path]
    if isinstance(value, float):
        return (f"{value:e}", repr(value), f"+{value!r}", f"{value:.17g}")[style % 4]
    return (hex(value), f"0o{value:o}", f"+{value}", f"{value} # x")[style % 4]


def retold(seed: int, count: int, style: Callable[[dict[str, object]], str]) -> bytes:
    """The valid file in other tokens."""
    draw = random.Random(seed)
    changes = {path: same_number(path, draw.randrange(3)) for path in draw.sample(NUMBERS, count)}
    for path in draw.sample(FLAGS, min(count, len(FLAGS))):
        changes[path] = draw.choice(SAME[json.dumps(LEAVES[path])].split())
    return style(edited(changes)).encode()


RANGES = {
    "dataset.seed": (0, 10**18), "dataset.max_rejected": (0, 10**9), "train.seed": (0, 2**63),
    "train.learning_rate": (1e-12, 1.0), "train.adam_beta1": (0.0, 0.999),
    "train.tick_kimg": (1e-3, 1e6), "train.drift": (0.0, 1e3), "sample.images": (4096, 10**7),
    "sample.minibatch": (1, 65536), "model.latent_size": (1, 1 << 14), "model.fmap_max": (1, 4096),
    "growth.phases.r32.stable_kimg": (0.001, 700.0), "reference.classifier_kimg": (1e-3, 1e6),
}  # fmt: skip
in_range = st.fixed_dictionaries(
    {},
    optional={
        path: st.integers(low, int(high)).map(str)
        if isinstance(low, int)
        else st.floats(low, high, allow_subnormal=False).map(repr)
        for path, (low, high) in RANGES.items()
    },
)
right_files = st.one_of(
    st.builds(retold, st.integers(0, 2**32), st.integers(0, 20), st.sampled_from([block, flow])),
    st.builds(lambda changes, style: style(edited(changes)).encode(), in_range,
              st.sampled_from([block, flow])),
    st.sampled_from([b"\xef\xbb\xbf", b"---\n", b"%YAML 1.2\n---\n", b"# x\n"]).map(
        lambda start: start + TEXT),
    st.sampled_from([b"\n", b"...\n", b"# x", b"\r\n"]).map(lambda end: TEXT + end),
    st.just(TEXT.replace(b"\n", b"\r\n")),
    st.just(json.dumps(VALID).encode()),
    st.just(block(tokens(VALID)).encode()),
)  # fmt: skip
