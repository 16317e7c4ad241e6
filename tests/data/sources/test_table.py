"""Every source on a tiny set in its published format: from a server or a user's files to images."""

import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback import Server
from publishedsets import WRITERS, Known
from tinyparams import ROOT

from pgpipe.data.config import MADE, Name
from pgpipe.data.sources import catalogue, obtain
from pgpipe.data.sources.catalogue import Entry, Published
from pgpipe.data.sources.source import Made, Place, Source
from pgpipe.data.sources.table import SOURCES, source
from pgpipe.errors import IntegrityError, NetworkError, UsageError
from pgpipe.plumbing.hashes import sha256_file

FORMATS = {"pyarrow", "h5py", "lmdb", "skimage", "sklearn", "requests.sessions"}
READY = ("folder", "tfrecords")
MADE_OF = {"mnist-1k": ("mnist",), "celeba-hq": READY, "ffhq": READY}
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
    found = list(published_source(name).read(raw))
    assert [label for _, label, _ in found] == [label for _, label in known]
    assert len({name for _, _, name in found}) == len(found)
    for (image, _, _), (expected, _) in zip(found, known, strict=True):
        assert type(image) is type(expected)
        np.testing.assert_array_equal(image, expected)


def test_names_are_those_of_the_parameter_and_of_the_catalogue() -> None:
    assert set(get_args(Name)) == SOURCES.keys() == catalogue.entries().keys()
    assert {name for name in SOURCES if isinstance(source(name), Made)} == set(MADE)
    packed = {name for name, entry in catalogue.entries().items() if entry.package}
    assert WRITERS.keys() == SOURCES.keys() - set(MADE) - packed  # which have tests of their own


def imported_by_source() -> tuple[set[str], dict[str, set[str]]]:
    """The modules that the stages import for any source, and those that each adds, in turn."""
    code = """
import os, sys
import stages.prepare, stages.download
from pgpipe.data.sources import table
of_all = set(sys.modules)
print(*of_all)
for name in table.SOURCES:
    sys.stdout.flush()
    if not os.fork():
        table.source(name)
        print(name, *set(sys.modules) - of_all)
        sys.exit()
    os.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    of_all, *lines = map(str.split, done.stdout.splitlines())
    return set(of_all), {name: set(modules) for name, *modules in lines}


@pytest.mark.slow
def test_source_imports_no_module_of_another() -> None:
    """Nor a reader of its format, so that an edit of parquet.py leaves the photographs alone."""
    of_all, added = imported_by_source()
    homes = {name: place.partition(":")[0] for name, place in SOURCES.items()}
    assert not of_all & ({*homes.values()} | FORMATS)
    assert added.keys() == SOURCES.keys()
    for name, modules in added.items():
        also = {homes[other] for other in MADE_OF.get(name, ())}
        assert modules & {*homes.values()} == also | {homes[name]}, name


def published_source(name: str) -> Source:
    found = source(name)
    assert isinstance(found, Source)
    return found


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
        source(name).fetch(at)
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
    source(name).fetch(at)
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
    source(name).fetch(at._replace(linked=True))
    require_read(name, at.raw, known)
    packed = {"tower.mdb"} if name == "lsun" else set()
    assert {file.name for file in at.raw.iterdir() if not file.is_symlink()} == packed


@pytest.mark.parametrize("name", FETCHED)
def test_users_copies_of_published_files_need_no_network(
    name: str, server: Server, entries: dict[str, Entry], tmp_path: Path
) -> None:
    at, known = published_by(server, entries, name, tmp_path)
    shutil.copytree(tmp_path / "published", at.path, dirs_exist_ok=True)
    source(name).fetch(at)
    require_read(name, at.raw, known)
    assert not server.asked


@pytest.mark.parametrize("name", [*FETCHED, "celeba", "ffhq", "lsun"])
def test_file_of_a_published_name_and_another_content_is_refused(name: str, tmp_path: Path) -> None:
    at = place(name, tmp_path)
    file = next(iter(catalogue.entries()[name].files))
    (at.path / file).write_bytes(b"other")
    with pytest.raises(IntegrityError, match=rf"{file}: .* not [0-9a-f]+; dataset\.verify"):
        source(name).fetch(at)
    assert not list(at.raw.iterdir())


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - set(FETCHED)))
def test_missing_files_are_named_with_what_to_put_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        source(name).fetch(place(name, tmp_path))
    assert str(tmp_path / "own") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_machine_without_network_is_told_which_file_to_put_where(
    entries: dict[str, Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    away = {"mirrors": ("http://nowhere.invalid/",)}
    entries["cifar10"] = entries["cifar10"].model_copy(update=away)
    with pytest.raises(NetworkError) as caught:
        source("cifar10").fetch(place("cifar10", tmp_path))
    assert str(caught.value) == (
        "http://nowhere.invalid/cifar-10-binary.tar.gz: no such host, or no network; or put "
        f"cifar-10-binary.tar.gz into dataset.path ({tmp_path}/own)"
    )


def test_null_and_minus_one_of_hubs_are_no_label(tmp_path: Path) -> None:
    table = pa.table({"image": [b"a", b"b", b"c"], "label": [1, -1, None]})
    pq.write_table(table, tmp_path / "x.parquet")
    found = published_source("parquet")
    assert [label for _, label, _ in found.read(tmp_path)] == ["00001", "", ""]


@pytest.mark.parametrize("name", [n for n in WRITERS if published_source(n).survey])
def test_survey_has_the_names_and_labels_that_reading_gives(
    name: str, entries: dict[str, Entry], tmp_path: Path
) -> None:
    at = users_place(name, entries, tmp_path)
    WRITERS[name](at.path)
    found = published_source(name)
    found.fetch(at)
    read = {key: label for _, label, key in found.read(at.raw)}
    survey = found.survey and found.survey(at.raw)
    assert survey is None if name == "ffhq" else survey and survey.labels == read


def test_list_says_of_each_what_it_is_and_what_to_do() -> None:
    listed = dict(catalogue.listing())
    for name, entry in catalogue.entries().items():
        text = listed[name]
        assert entry.title in text
        assert entry.licence in text
        assert entry.by_hand in text
        ways = bool(entry.mirrors), bool(entry.by_hand), bool(entry.package)
        assert sum(ways) == 1 or name in MADE


def test_the_catalogue_s_sources_are_those_that_parsing_it_gives() -> None:
    assert catalogue.sources() == {n: e.source for n, e in catalogue.entries().items()}
