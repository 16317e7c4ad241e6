"""Files whose name carries the hash of their content: `<images>-<sha256>.safetensors`."""

from pathlib import Path

from pgpipe.files import sha256, write_bytes


def files(folder: Path) -> list[Path]:
    """All of them, in order of images."""
    return sorted(folder.glob("*-*.safetensors"))


def write(folder: Path, images: int, data: bytes) -> Path:
    """Write a file of tensors, as of so many images of the phase."""
    path = folder / f"{images:012d}-{sha256(data)}.safetensors"
    write_bytes(path, data)
    return path


def images_of(path: Path) -> int:
    """What the name says."""
    return int(path.name.split("-")[0])


def read(path: Path) -> bytes | None:
    """The content, or None where its hash is not the name's: nothing damaged is ever parsed."""
    data = path.read_bytes()
    return data if path.stem.split("-")[1] == sha256(data) else None
