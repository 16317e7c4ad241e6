"""Pickles of numpy arrays, read as data: nothing that they name is looked up, imported or called.

The opcodes are those that pickle writes for plain containers, numbers, texts and arrays. Objects of
the few known names become an inert `Made`; every other name or opcode is refused.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_OPCODES = 2_000_000
MARK = object()

NUMPY = {
    f"{package}.{name}": name
    for package in ("numpy.core", "numpy._core")
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
}
KNOWN = {
    **NUMPY,
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
    "_codecs.encode": "encode",
    "collections.OrderedDict": "dict",
    "tfutil.Network": "network",
}
NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


class Unsafe(Exception):  # noqa: N818 - what a file asks for, not an error of ours
    """The pickle asks for more than data."""


@dataclass
class Name:
    """A known class or function, which is only ever named."""

    of: str


@dataclass
class Made:
    """What a pickle would have built: of which name, with which arguments and state."""

    of: str
    args: tuple[Any, ...]
    state: Any = None


class Reader:
    """A pickle's stack, memo and result."""

    def __init__(self, data: bytes) -> None:
        self.data, self.encoded = data, 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def read(self) -> Any:
        """Return what is pickled.

        Raises:
            Unsafe: it asks for more than data.
            ValueError, IndexError and so on: it is damaged.
        """
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self.data)):
            if count > MOST_OPCODES:
                raise Unsafe(f"has more than {MOST_OPCODES} steps")
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in PUSHED:
                self.stack.append(argument)
            elif opcode.name in STEPS:
                STEPS[opcode.name](self, argument)
            elif opcode.name not in IGNORED:
                raise Unsafe(f"has a step {opcode.name}, which data do not need")
        raise ValueError("it does not end")

    def marked(self) -> list[Any]:
        """Take what lies above the last mark."""
        place = max(n for n, item in enumerate(self.stack) if item is MARK)
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def tuple_of(self, count: int) -> None:
        """Replace the last items by a tuple of them."""
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(found)

    def extend(self, items: list[Any]) -> None:
        """Append to the list on the stack."""
        require(self.stack[-1], list).extend(items)

    def update(self, items: list[Any]) -> None:
        """Put keys and values, in turn, in the dictionary on the stack."""
        found = self.stack[-1]
        target = found.args[0] if isinstance(found, Made) and found.of == "dict" else found
        for key, value in zip(items[::2], items[1::2], strict=True):
            require(target, dict)[require(key, str)] = value

    def put(self, place: int) -> None:
        """Remember what lies on top."""
        self.memo[place] = self.stack[-1]

    def name(self, module: object, name: object) -> None:
        """Push a known name."""
        found = KNOWN.get(f"{module}.{name}")
        if found is None:
            raise Unsafe(f"asks for {module}.{name}, which no file of weights needs")
        self.stack.append(Name(found))

    def stack_global(self) -> None:
        """Push the known name whose parts lie on top."""
        name, module = self.stack.pop(), self.stack.pop()
        self.name(require(module, str), require(name, str))

    def make(self) -> None:
        """Replace a name and its arguments by what stands for the object."""
        args, name = require(self.stack.pop(), tuple), require(self.stack.pop(), Name)
        if name.of == "encode":
            text = require(args[0], str)
            self.encoded += len(text)
            if self.encoded > len(self.data):
                raise Unsafe("repeats its bytes without end")
            self.stack.append(text.encode("latin1"))
        elif name.of == "dict":
            self.stack.append(Made("dict", ({},)))
        else:
            self.stack.append(Made(name.of, args))

    def build(self) -> None:
        """Give an object its state."""
        state = self.stack.pop()
        require(self.stack[-1], Made).state = state


def require(value: Any, kind: type) -> Any:
    """Return a value of the kind.

    Raises:
        ValueError: it is of another.
    """
    if not isinstance(value, kind):
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def array(value: Any) -> NDArray[Any]:
    """Return the array of numbers that was pickled.

    Raises:
        ValueError and so on: it is none, or not of its shape.
    """
    made, order = require(value, Made), "C"
    if made.of == "multiarray._reconstruct":
        _, shape, kind, fortran, data = made.state
        order = "F" if fortran else "C"
    elif made.of == "numeric._frombuffer":
        data, kind, shape, order = made.args
    elif made.of == "multiarray.scalar":
        (kind, data), shape = made.args, ()
    else:
        raise ValueError(f"a {made.of} where an array belongs")
    code = require(require(kind, Made).args[0], str)
    if code not in NUMBERS:
        raise ValueError(f"an array of {code[:20]!r} where numbers belong")
    big = kind.state is not None and kind.state[1] == ">"
    numbers = np.frombuffer(require(data, bytes), np.dtype(code).newbyteorder(">" if big else "<"))
    return numbers.reshape(shape, order="F" if order == "F" else "C")


Step = Callable[[Reader, Any], None]

PUSHED = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
IGNORED = {"PROTO", "FRAME"}
STEPS: dict[str, Step] = {
    "NONE": lambda r, _: r.stack.append(None),
    "NEWTRUE": lambda r, _: r.stack.append(True),
    "NEWFALSE": lambda r, _: r.stack.append(False),
    "MARK": lambda r, _: r.stack.append(MARK),
    "EMPTY_LIST": lambda r, _: r.stack.append([]),
    "EMPTY_TUPLE": lambda r, _: r.stack.append(()),
    "EMPTY_DICT": lambda r, _: r.stack.append({}),
    "TUPLE": lambda r, _: r.stack.append(tuple(r.marked())),
    "TUPLE1": lambda r, _: r.tuple_of(1),
    "TUPLE2": lambda r, _: r.tuple_of(2),
    "TUPLE3": lambda r, _: r.tuple_of(3),
    "APPEND": lambda r, _: r.extend([r.stack.pop()]),
    "APPENDS": lambda r, _: r.extend(r.marked()),
    "SETITEM": lambda r, _: r.update([*reversed([r.stack.pop(), r.stack.pop()])]),
    "SETITEMS": lambda r, _: r.update(r.marked()),
    "MEMOIZE": lambda r, _: r.put(len(r.memo)),
    "PUT": lambda r, place: r.put(place),
    "BINPUT": lambda r, place: r.put(place),
    "LONG_BINPUT": lambda r, place: r.put(place),
    "GET": lambda r, place: r.stack.append(r.memo[place]),
    "BINGET": lambda r, place: r.stack.append(r.memo[place]),
    "LONG_BINGET": lambda r, place: r.stack.append(r.memo[place]),
    "GLOBAL": lambda r, name: r.name(*name.rsplit(" ", 1)),
    "STACK_GLOBAL": lambda r, _: r.stack_global(),
    "REDUCE": lambda r, _: r.make(),
    "NEWOBJ": lambda r, _: r.make(),
    "BUILD": lambda r, _: r.build(),
}
