"""Files whose name carries the hash of their content: `<images>-<sha256>.safetensors`."""

from pathlib import Path

from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.hashes import sha256, sha256_file


def files(folder: Path) -> list[Path]:
    """All of them, in order of images, and whatever has lost its name."""
    return sorted(folder.glob("[!.]*.safetensors"))


def write(folder: Path, images: int, data: bytes) -> Path:
    """Write a file of tensors, as of so many images of the phase."""
    path = folder / f"{images:012d}-{sha256(data)}.safetensors"
    write_bytes(path, data)
    return path


def images_of(path: Path) -> int:
    """What the name says; -1 where it says nothing."""
    number = path.name.partition("-")[0]
    return int(number) if number.isdecimal() and len(number) == 12 else -1


def read(path: Path) -> bytes | None:
    """The content, or None where its hash is not the name's: nothing damaged is ever parsed."""
    data = path.read_bytes()
    return data if path.name.endswith(f"-{sha256(data)}.safetensors") else None


def is_intact(path: Path) -> bool:
    """Whether the content is what the name says."""
    return path.name.endswith(f"-{sha256_file(path)}.safetensors")
