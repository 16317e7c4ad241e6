"""tf.train.Example as protocol buffers encode it: the few fields that the records of images have.

Example {1: Features {1: map entry {1: name, 2: Feature {1: BytesList, 3: Int64List}}}}, and a list
has its values in field 1; integers packed or not.
"""

from collections.abc import Iterator

VARINT, LENGTH_DELIMITED = 0, 2
FIXED_BYTES = {1: 8, 5: 4}
MAX_VARINT_BYTES = 10

Value = bytes | list[int]


def features(example: bytes) -> dict[str, Value]:
    """The features by name: the first of its bytes, or its integers.

    Raises:
        ValueError: not of this form, or cut off.
    """
    found: dict[str, Value] = {}
    for entry in nested(nested_one(example, 1), 1):
        name = nested_one(entry, 1).decode("utf-8")
        feature = nested_one(entry, 2)
        for number, content in fields(feature):
            if number == 1 and isinstance(content, bytes):
                found[name] = nested_one(content, 1)
            elif number == 3 and isinstance(content, bytes):
                found[name] = integers(content)
    return found


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and contents of a message's fields."""
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = varint(message, position)
            yield number, value
            continue
        if kind == LENGTH_DELIMITED:
            size, position = varint(message, position)
        elif kind in FIXED_BYTES:
            size = FIXED_BYTES[kind]
        else:
            raise ValueError(f"an Example with a field of kind {kind}")
        if position + size > len(message):
            raise ValueError("an Example is cut off")
        yield number, message[position : position + size]
        position += size


def varint(message: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = 0
    for index, byte in enumerate(message[position : position + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("an Example has a number without end")


def nested(message: bytes, number: int) -> Iterator[bytes]:
    """The contents of all fields of a number."""
    return (content for n, content in fields(message) if n == number and isinstance(content, bytes))


def nested_one(message: bytes, number: int) -> bytes:
    """The content of the first field of a number; nothing where there is none."""
    return next(nested(message, number), b"")


def integers(message: bytes) -> list[int]:
    """The values of an Int64List."""
    found: list[int] = []
    for number, content in fields(message):
        if number == 1 and isinstance(content, int):
            found.append(content)
        elif number == 1 and isinstance(content, bytes):
            position = 0
            while position < len(content):
                value, position = varint(content, position)
                found.append(value)
    return found
