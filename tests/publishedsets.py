"""Tiny data sets in the formats in which they are published, by writers that share no code with us.

Each writes what a user has, or a server serves, into a folder, and says what is in it.
"""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from PIL import Image
from scipy.io import savemat

from pgpipe.data.sources.catalogue import Entry, Published, entries
from pgpipe.images import Images

Known = list[tuple[bytes | Images, str]]  # each image, with its label, in the order of reading
COUNT = 6


def noise(*shape: int) -> Images:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: Images, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def pictures(kind: str, height: int = 20, width: int = 16) -> list[bytes]:
    return [encoded(image, kind) for image in noise(COUNT, height, width, 3)]


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


# Records of bytes


def cifar10(folder: Path) -> Known:
    images, names = noise(COUNT, 32, 32, 3), ["airplane", "automobile", "bird"]
    labels = [0, 2, 1, 1, 0, 2]
    files = {"cifar-10-batches-bin/batches.meta.txt": ("\n".join(names) + "\n\n").encode()}
    order = iter(zip(images, labels, strict=True))
    for number, size in zip((5, 2, 1, 3, 4), (1, 1, 2, 1, 1), strict=True):
        rows = [next(order) for _ in range(size)]
        data = b"".join(bytes([y]) + x.transpose(2, 0, 1).tobytes() for x, y in rows)
        files[f"cifar-10-batches-bin/data_batch_{number}.bin"] = data
    files["cifar-10-batches-bin/test_batch.bin"] = bytes(3073)
    write_tar(folder / "cifar-10-binary.tar.gz", files)
    read = [2, 3, 1, 4, 5, 0]  # the batches by their numbers
    return [(images[i], names[labels[i]]) for i in read]


def cifar100(folder: Path) -> Known:
    images, names, labels = noise(COUNT, 32, 32, 3), ["apple", "bee", "crab"], [2, 0, 1, 1, 0, 2]
    rows = [bytes([19, y]) + x.transpose(2, 0, 1).tobytes()
            for x, y in zip(images, labels, strict=True)]  # fmt: skip
    files = {
        "cifar-100-binary/coarse_label_names.txt": b"fish\nflowers\n",
        "cifar-100-binary/fine_label_names.txt": "\n".join(names).encode(),
        "cifar-100-binary/train.bin": b"".join(rows),
    }
    write_tar(folder / "cifar-100-binary.tar.gz", files)
    return [(image, names[y]) for image, y in zip(images, labels, strict=True)]


def idx(array: Images) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def mnist_files(folder: Path, names: str) -> Known:
    images, labels = noise(COUNT, 28, 28), np.array([3, 0, 9, 9, 1, 5], np.uint8)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx(images))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    padded = np.zeros((COUNT, 32, 32, 1), np.uint8)
    padded[:, 2:30, 2:30, 0] = images
    return [(image, names.split(",")[y]) for image, y in zip(padded, labels, strict=True)]


def mnist(folder: Path) -> Known:
    return mnist_files(folder, "0,1,2,3,4,5,6,7,8,9")


def fashion_mnist(folder: Path) -> Known:
    names = "T-shirt,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
    return mnist_files(folder, names)


def stl10_files(folder: Path) -> tuple[Images, Images, list[str]]:
    labelled, others = noise(3, 96, 96, 3), noise(2, 96, 96, 3)
    names = ["airplane", "bird"]
    files = {
        "stl10_binary/class_names.txt": "\n".join(names).encode(),
        "stl10_binary/train_X.bin": labelled.transpose(0, 3, 2, 1).tobytes(),
        "stl10_binary/train_y.bin": bytes([2, 1, 2]),
        "stl10_binary/unlabeled_X.bin": others.transpose(0, 3, 2, 1).tobytes(),
    }
    write_tar(folder / "stl10_binary.tar.gz", files)
    return labelled, others, ["bird", "airplane", "bird"]


def stl10(folder: Path) -> Known:
    images, _, labels = stl10_files(folder)
    return list(zip(images, labels, strict=True))


def stl10_unlabelled(folder: Path) -> Known:
    return [(image, "") for image in stl10_files(folder)[1]]


# MATLAB


def svhn(folder: Path) -> Known:
    images, labels = noise(COUNT, 32, 32, 3), [10, 1, 9, 2, 10, 3]
    known = {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]}
    savemat(folder / "train_32x32.mat", known, do_compression=True)
    return [(image, str(y % 10)) for image, y in zip(images, labels, strict=True)]


def oxford_flowers(folder: Path) -> Known:
    files, labels = pictures("JPEG"), [77, 1, 102, 3, 3, 77]
    write_tar(
        folder / "102flowers.tgz",
        {f"jpg/image_{n:05d}.jpg": files[n - 1] for n in (3, 1, 2, 6, 5, 4)},
    )
    savemat(folder / "imagelabels.mat", {"labels": np.array([labels], np.uint8)})
    return [(files[n - 1], f"{labels[n - 1]:03d}") for n in (3, 1, 2, 6, 5, 4)]


# Archives of image files


def celeba(folder: Path) -> Known:
    files = pictures("JPEG", 218, 178)
    write_zip(
        folder / "img_align_celeba.zip",
        {f"img_align_celeba/{n:06d}.jpg": data for n, data in enumerate(files, 1)},
    )
    return [(data, "") for data in files]


def afhq(folder: Path) -> Known:
    files = pictures("JPEG")
    names = [
        "train/cat/a",
        "train/dog/b",
        "train/wild/c",
        "train/wild/d",
        "val/cat/e",
        "test/dog/f",
    ]
    known = {f"afhq/{name}.jpg": data for name, data in zip(names, files, strict=True)}
    write_zip(folder / "afhq.zip", known)
    return [(files[i], label) for i, label in enumerate(["cat", "dog", "wild", "wild"])]


def ready(folder: Path) -> Known:
    files = pictures("PNG")
    for number, data in enumerate(files):
        (folder / f"{number:05d}.png").write_bytes(data)
    return [(data, "") for data in files]


LABELLED = {f"{label}/{n}.png": label for n, label in enumerate(["a", "a", "b", "b", "c", "c"])}


def folders(folder: Path) -> Known:
    files = pictures("PNG")
    for name, data in zip(LABELLED, files, strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return list(zip(files, LABELLED.values(), strict=True))


def zipped(folder: Path) -> Known:
    files = pictures("PNG")
    write_zip(folder / "mine.zip", dict(zip(LABELLED, files, strict=True)))
    return list(zip(files, LABELLED.values(), strict=True))


def tarred(folder: Path) -> Known:
    files = pictures("PNG")
    known = dict(zip(LABELLED, files, strict=True))
    write_tar(folder / "mine.tar.gz", {f"top/{name}": data for name, data in known.items()})
    return list(zip(files, LABELLED.values(), strict=True))


def webdataset(folder: Path) -> Known:
    files, labels = pictures("JPEG"), ["7", "0", "12", "7", "1", "1"]
    samples = list(enumerate(zip(files, labels, strict=True)))
    for shard, part in enumerate((samples[:4], samples[4:])):
        members: dict[str, bytes] = {}
        for number, (data, label) in part:
            members |= {f"sub/{number:06d}.cls": label.encode(), f"sub/{number:06d}.jpg": data,
                        f"sub/{number:06d}.json": b"{}"}  # fmt: skip
        write_tar(folder / f"train-{shard:06d}.tar", members, "w")
    return list(zip(files, labels, strict=True))


def lsun(folder: Path) -> Known:
    """Two categories, one as its folder, one as its zip; values are WebP by 40 hex digits."""
    files = pictures("WEBP")
    parts = {"bedroom": files[:4], "tower": files[4:]}
    for category, values in parts.items():
        place = folder / f"{category}_train_lmdb"
        with (
            lmdb.open(str(place), map_size=1 << 22) as database,
            database.begin(write=True) as write,
        ):
            for number, value in enumerate(values):
                write.put(f"{number:040x}".encode(), value)
    tower = folder / "tower_train_lmdb"
    data = {f"{tower.name}/{file.name}": file.read_bytes() for file in tower.iterdir()}
    for file in tower.iterdir():
        file.unlink()
    tower.rmdir()
    write_zip(folder / "tower_train_lmdb.zip", data)
    return [(value, category) for category, values in parts.items() for value in values]


# Arrays and tables


def hdf5(folder: Path) -> Known:
    """As the paper's Theano code exports it: [N, C, H, W] of each resolution."""
    images = noise(COUNT, 16, 16, 3)
    with h5py.File(folder / "mine.h5", "w") as file:
        for step in (1, 2, 4):
            small = images[:, ::step, ::step].transpose(0, 3, 1, 2)
            file.create_dataset(f"data{16 // step}x{16 // step}", data=small, chunks=True)
        file["labels"] = np.arange(COUNT)
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    return [(image, str(n)) for n, image in enumerate(images)]


def npz(folder: Path) -> Known:
    images, labels = noise(COUNT, 16, 16, 3), np.array([3, 10, 0, 3, 1, 1])
    np.savez_compressed(folder / "mine.npz", images=images, labels=labels)
    return [(image, f"{y:02d}") for image, y in zip(images, labels, strict=True)]


def parquet(folder: Path) -> Known:
    files, labels, names = pictures("JPEG"), [1, 0, 2, 2, 1, 0], ["cat", "dog", "owl"]
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": names},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=metadata)
    for shard in (0, 1):
        part = slice(3 * shard, 3 * shard + 3)
        column = [{"bytes": data, "path": f"{n}.jpg"} for n, data in enumerate(files[part])]
        table = pa.table({"image": column, "label": labels[part]}, schema=schema)
        file = folder / f"train-0000{shard}-of-00002.parquet"
        pq.write_table(table, file, row_group_size=2, write_page_checksum=True)
    return [(data, names[y]) for data, y in zip(files, labels, strict=True)]


# TensorFlow


def example_class() -> Any:
    """tf.train.Example by Google's own protocol buffers, from its published definition."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    one, many = kind.LABEL_OPTIONAL, kind.LABEL_REPEATED

    def message(name: str, *fields: tuple[str, int, int, int, str]) -> Any:
        made = file.message_type.add(name=name)
        for field, number, label, type_, of in fields:
            made.field.add(name=field, number=number, label=label, type=type_, type_name=of or None)
        return made

    message("BytesList", ("value", 1, many, kind.TYPE_BYTES, ""))
    message("Int64List", ("value", 1, many, kind.TYPE_INT64, ""))
    message(
        "Feature",
        ("bytes_list", 1, one, kind.TYPE_MESSAGE, ".t.BytesList"),
        ("int64_list", 3, one, kind.TYPE_MESSAGE, ".t.Int64List"),
    )
    features = message(
        "Features", ("feature", 1, many, kind.TYPE_MESSAGE, ".t.Features.FeatureEntry")
    )
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=one, type=kind.TYPE_STRING)
    entry.field.add(name="value", number=2, label=one, type=kind.TYPE_MESSAGE,
                    type_name=".t.Feature")  # fmt: skip
    message("Example", ("features", 1, one, kind.TYPE_MESSAGE, ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


def literal_crc32c(data: bytes) -> int:
    """A bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    def masked(part: bytes) -> bytes:
        crc = literal_crc32c(part)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def tfrecords(folder: Path) -> Known:
    images, labels, example = noise(COUNT, 16, 16, 3), [2, 0, 1, 1, 0, 2], example_class()
    for step, log in ((1, 4), (2, 3), (4, 2)):
        rows = []
        for image in images:
            small = image[::step, ::step].transpose(2, 0, 1)
            record = example()
            record.features.feature["shape"].int64_list.value.extend(small.shape)
            record.features.feature["data"].bytes_list.value.append(small.tobytes())
            rows.append(framed(record.SerializeToString()))
        (folder / f"mine-r{log:02d}.tfrecords").write_bytes(b"".join(rows))
    with (folder / "mine-rxx.labels").open("wb") as file:
        np.save(file, np.eye(3, dtype=np.float32)[labels])
    return [(image, str(y)) for image, y in zip(images, labels, strict=True)]


WRITERS: dict[str, Callable[[Path], Known]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "svhn": svhn,
    "stl10": stl10,
    "stl10-unlabelled": stl10_unlabelled,
    "oxford-flowers": oxford_flowers,
    "celeba": celeba,
    "afhq": afhq,
    "celeba-hq": ready,
    "ffhq": tfrecords,
    "lsun": lsun,
    "folder": folders,
    "zip": zipped,
    "tar": tarred,
    "webdataset": webdataset,
    "hdf5": hdf5,
    "npz": npz,
    "parquet": parquet,
    "tfrecords": tfrecords,
}


def without_hashes() -> dict[str, Entry]:
    """The catalogue, but for what it knows of the files: any content will do."""
    return {
        name: entry.model_copy(update={"files": dict.fromkeys(entry.files, Published())})
        for name, entry in entries().items()
    }
