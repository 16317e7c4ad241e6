"""Every source on a tiny set in its published format: from a server or a user's files to images."""

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from loopback import Server
from publishedsets import WRITERS, Known

from pgpipe.data.config import Name
from pgpipe.data.sources import catalogue, obtain
from pgpipe.data.sources.catalogue import Entry, Published
from pgpipe.data.sources.obtain import Place
from pgpipe.data.sources.table import SOURCES
from pgpipe.errors import IntegrityError, NetworkError, UsageError
from pgpipe.hashes import sha256_file

EMBEDDED = {"photos", "digits-1k", "mnist-1k"}
FETCHED = sorted(name for name, entry in catalogue.entries().items() if entry.mirrors)
BY_HAND = sorted(WRITERS.keys() - set(FETCHED))


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    """The catalogue, to be changed."""
    changed = dict(catalogue.entries())
    monkeypatch.setattr(obtain, "entries", lambda: changed)
    return changed


def published_by(
    server: Server, entries: dict[str, Entry], name: str, tmp_path: Path
) -> tuple[Place, Known]:
    """A place whose files the server has, as the catalogue then says."""
    there = tmp_path / "published"
    there.mkdir()
    known = WRITERS[name](there)
    files = {}
    for file in there.iterdir():
        server.serve(file.name, file.read_bytes())
        files[file.name] = Published(size=file.stat().st_size, sha256=sha256_file(file))
    assert files.keys() == entries[name].files.keys(), "the names are those of the real files"
    entries[name] = entries[name].model_copy(
        update={"files": files, "mirrors": (server.url("away/"), server.url(""))}
    )
    return place(name, tmp_path), known


def place(name: str, tmp_path: Path) -> Place:
    """The user's files in `own`, raw files in `raw`, the project here."""
    for folder in ("own", "raw"):
        (tmp_path / folder).mkdir(exist_ok=True)
    watch = lambda *_: nullcontext(lambda *_: None)  # noqa: E731
    return Place(name, tmp_path / "own", tmp_path / "raw", watch)


def require_read(name: str, raw: Path, known: Known) -> None:
    found = list(SOURCES[name].read(raw))
    assert [label for _, label, _ in found] == [label for _, label in known]
    assert len({name for _, _, name in found}) == len(found)
    for (image, _, _), (expected, _) in zip(found, known, strict=True):
        assert type(image) is type(expected)
        np.testing.assert_array_equal(image, expected)


def test_names_are_those_of_the_parameter_and_of_the_catalogue() -> None:
    assert set(get_args(Name)) == SOURCES.keys() | EMBEDDED == catalogue.entries().keys()
    assert WRITERS.keys() == SOURCES.keys()


@pytest.mark.parametrize("name", FETCHED)
def test_published_files_are_fetched_and_read(
    name: str,
    server: Server,
    entries: dict[str, Entry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    at, known = published_by(server, entries, name, tmp_path)
    for _ in range(2):
        SOURCES[name].fetch(at)
        require_read(name, at.raw, known)
    asked = [path for path, _ in server.asked]
    assert sorted(asked) == sorted([p for n in entries[name].files for p in (n, f"away/{n}")])


def users_place(name: str, entries: dict[str, Entry], folder: Path) -> Place:
    """A place for files of no known hash."""
    files = entries[name].files if name in ("celeba", "afhq") else ()
    entries[name] = entries[name].model_copy(update={"files": dict.fromkeys(files, Published())})
    return place(name, folder)


@pytest.mark.parametrize("name", BY_HAND)
def test_users_files_are_taken_and_read(
    name: str, entries: dict[str, Entry], tmp_path: Path
) -> None:
    at = users_place(name, entries, tmp_path)
    known = WRITERS[name](at.path)
    before = {file: file.read_bytes() for file in at.path.rglob("*") if file.is_file()}
    SOURCES[name].fetch(at)
    require_read(name, at.raw, known)
    after = {file: file.read_bytes() for file in at.path.rglob("*") if file.is_file()}
    assert before == after, "nothing is written among the user's files"
    own = {file.stat().st_ino for file in after}
    assert not own & {file.stat().st_ino for file in at.raw.iterdir()}


@pytest.mark.parametrize("name", BY_HAND)
def test_users_files_can_be_read_where_they_are(
    name: str, entries: dict[str, Entry], tmp_path: Path
) -> None:
    at = users_place(name, entries, tmp_path)
    known = WRITERS[name](at.path)
    SOURCES[name].fetch(at._replace(linked=True))
    require_read(name, at.raw, known)
    packed = {"tower.mdb"} if name == "lsun" else set()
    assert {file.name for file in at.raw.iterdir() if not file.is_symlink()} == packed


@pytest.mark.parametrize("name", FETCHED)
def test_users_copies_of_published_files_need_no_network(
    name: str, server: Server, entries: dict[str, Entry], tmp_path: Path
) -> None:
    at, known = published_by(server, entries, name, tmp_path)
    shutil.copytree(tmp_path / "published", at.path, dirs_exist_ok=True)
    SOURCES[name].fetch(at)
    require_read(name, at.raw, known)
    assert not server.asked


@pytest.mark.parametrize("name", [*FETCHED, "celeba", "ffhq", "lsun"])
def test_file_of_a_published_name_and_another_content_is_refused(name: str, tmp_path: Path) -> None:
    at = place(name, tmp_path)
    file = next(iter(catalogue.entries()[name].files))
    (at.path / file).write_bytes(b"other")
    with pytest.raises(IntegrityError, match=rf"{file}: .* not [0-9a-f]+$"):
        SOURCES[name].fetch(at)
    assert not list(at.raw.iterdir())


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - set(FETCHED)))
def test_missing_files_are_named_with_what_to_put_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        SOURCES[name].fetch(place(name, tmp_path))
    assert str(tmp_path / "own") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_machine_without_network_is_told_which_file_to_put_where(
    entries: dict[str, Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    away = {"mirrors": ("http://nowhere.invalid/",)}
    entries["cifar10"] = entries["cifar10"].model_copy(update=away)
    with pytest.raises(NetworkError) as caught:
        SOURCES["cifar10"].fetch(place("cifar10", tmp_path))
    assert str(caught.value) == (
        "http://nowhere.invalid/cifar-10-binary.tar.gz: no such host, or no network; or put "
        f"cifar-10-binary.tar.gz into dataset.path ({tmp_path}/own)"
    )


def test_list_says_of_each_what_it_is_and_what_to_do() -> None:
    text = "\n".join(catalogue.listing())
    for name, entry in catalogue.entries().items():
        assert f"\n{name} " in f"\n{text}"
        assert entry.title in text
        assert entry.licence in text
        assert entry.by_hand in text
        assert bool(entry.mirrors) != bool(entry.by_hand) or name in EMBEDDED
    assert max(map(len, catalogue.listing())) <= 125
