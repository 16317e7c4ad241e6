"""Which folders of a set of image files are its classes.

Folders are looked at from the top, by the names of the files that can be images:

    a folder that holds everything                is no class; those in it may be
    train/, test/, val/, images/, data/, ...      parts of a set are no classes; all are taken
    00000/img00000012.png, 01000/01012.png        buckets of the official tools are no classes
    two folders or more                           the classes
    images beside two classes or more             have no label, and are left out
    images beside a single folder                 there are no classes, and all are taken
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pgpipe.data.reading import rawzip
from pgpipe.plumbing.terminal import counted

IMAGE = re.compile(r"\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|heic|avif)$", re.IGNORECASE)
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
HOLDERS = {
    *("image", "images", "img", "imgs", "data", "dataset", "photo", "photos", "picture"),
    *("pictures", "jpg", "jpeg", "jpegs", "jpegimages", "png", "pngs", "webp", "files"),
}
STYLEGAN = re.compile(r"\d{5}/img\d{8}\.\w+")  # of NVIDIA's dataset_tool.py
FFHQ = re.compile(r"(\d\d)000/\1\d{3}\.\w+")
SHOWN = 3  # names in a message

Folders = tuple[str, ...]


class Layout(NamedTuple):
    """What is known of a set before an image of it is read."""

    labels: dict[str, str]  # of each file by its name; "" where it has none
    notes: Sequence[str] = ()  # what somebody should know of the labels
    unclear: str = ""  # why it cannot be told what the labels are, and what to set
    of_files: bool = False  # whether names are those of image files in folders
    unread: Sequence[str] = ()  # what somebody should know, whatever the labels are


def of(names: Iterable[str]) -> Layout:
    """The classes of a set of files."""
    steps = {name: tuple(rawzip.parts(name)) for name in names}
    counts = Counter(steps[name][:-1] for name in images_of(steps))
    depth, notes = top(counts)
    tops = at(counts, depth)
    loose, unclear = tops.pop("", 0), ""
    if are_buckets(steps, counts, depth):
        notes.append(
            f"{listed(tops)} number the images, as the official tools do, and are no classes"
        )
        tops.clear()
    elif len(tops) == 1:  # with images beside it: else it would hold everything
        beside = counted(loose, "image")
        notes.append(f"{listed(tops)} lies beside {beside}, so it is no class: no labels")
        tops.clear()
    elif tops and loose > tops.total():
        unclear = (
            f"{loose:,} images lie beside the folders {listed(tops)}, more than the "
            f"{tops.total():,} in these: set dataset.labels to none, which takes all without "
            "labels, or dataset.classes to the folders that are classes"
        )
    found = {name: label(folders[:-1], depth) for name, folders in steps.items()}
    labels = {name: text if text in tops else "" for name, text in found.items()}
    return Layout(labels, notes, unclear, of_files=True)


def images_of(names: Iterable[str]) -> list[str]:
    """Those that are images by their names; all, where none is."""
    every = list(names)
    return [name for name in every if IMAGE.search(name)] or every


def top(counts: Counter[Folders]) -> tuple[int, list[str]]:
    """How many folders down the classes are, and which parts of a set lie above."""
    depth, notes = 0, []
    while tops := at(counts, depth):
        loose = tops.pop("", 0)
        known = {name.lower() for name in tops}
        if not tops or not ((len(tops) == 1 and not loose) or known <= SPLITS | HOLDERS):
            break
        if len(tops) > 1:
            notes.append(taken_all([listed(tops)]))
        depth += 1
    return depth, notes


def at(counts: Counter[Folders], depth: int) -> Counter[str]:
    """How many images lie below each folder at a depth, and ("") above it."""
    found: Counter[str] = Counter()
    for folders, images in counts.items():
        found[label(folders, depth)] += images
    return found


def label(folders: Folders, depth: int) -> str:
    """The folder at a depth, or "" above it."""
    return folders[depth] if len(folders) > depth else ""


def are_buckets(steps: dict[str, Folders], counts: Counter[Folders], depth: int) -> bool:
    """Whether all images lie in folders that number them, as the official tools write them."""
    if not counts or any(len(folders) != depth + 1 for folders in counts):
        return False
    tails = ["/".join(steps[name][depth:]) for name in images_of(steps)]
    return any(all(kind.fullmatch(tail) for tail in tails) for kind in (STYLEGAN, FFHQ))


def listed(names: Iterable[str]) -> str:
    """The first of some folders."""
    every = sorted(names)
    more = f", ... ({len(every):,})" if len(every) > SHOWN else ""
    return ", ".join(f"{name}/" for name in every[:SHOWN]) + more


def shards(stems: Iterable[str]) -> list[str]:
    """What somebody should know of a set in several files, where their names tell parts."""
    parts = {re.split(r"\W|_", stem.lower())[0] for stem in stems} & SPLITS
    return [taken_all(sorted(parts))] if len(parts) > 1 else []


def taken_all(parts: Iterable[str]) -> str:
    """What becomes of the parts of a set."""
    return (
        f"{', '.join(parts)} are parts of one set, no classes: all of them are taken; "
        "dataset.path may name one"
    )


def links(archived: Iterable[str]) -> Iterator[str]:
    """What somebody should know of the links in an archive."""
    if every := list(archived):
        yield (
            f"links in the archive are not followed: {len(every):,}, the first is {every[0]!r}; "
            "pack the files themselves"
        )
