"""`pgpipe data show`, `extract` and `compare` on prepared sets that were made here."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rawset import plan
from tinyproject import Run

from pgpipe.data.feeding.multires import ImageStore, read_labels, read_manifest
from pgpipe.data.preparing import pyramid, shards, squares, writing
from pgpipe.data.reading import folder
from pgpipe.images import Images
from pgpipe.plumbing.hashes import sha256_tree

LABELS = ("b c", "a", "ä", "b c", "a", "ä")


def images(channels: int = 3, side: int = 16) -> list[Images]:
    shape = (len(LABELS), side, side, channels)
    return list(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def prepared(
    target: Path, pixels: Sequence[Images], labels: Sequence[str] = LABELS, skipped: int = 0
) -> Path:
    """A set as `prepare` writes it."""
    samples = [(image, label, "") for image, label in zip(pixels, labels, strict=True)]
    rejected = [(f"{n}.txt", "not an image") for n in range(skipped)]
    target.mkdir(exist_ok=True)
    writing.write(pyramid.blocks(samples), target, pixels[0].shape[0], rejected)
    return target


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command beside the prepared sets a, b (equal) and data/multires."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("a", "b", "data/multires"):
        prepared(Path(name), images(), skipped=2)
    return command


def refused(run: Run, code: int, *arguments: str) -> str:
    """The only line of a command that is to fail so."""
    found, _, stderr = run("data", *arguments)
    assert found == code
    (line,) = stderr.splitlines()
    return line


# show


def test_show_says_what_the_manifest_says(run: Run) -> None:
    code, text, _ = run("data", "show")
    assert code == 0
    for expected in (
        "6, RGB",
        "3 classes",
        "2: 'b c'",
        "rejected  2\n",
        "'0.txt': not an image",
    ):
        assert expected in text
    for name, array in read_manifest(Path("data/multires"))["arrays"].items():
        assert name == "labels.npy" or f"{name}, {array['sha256'][:12]}" in text
    assert run("data", "show", "a")[1].splitlines()[1:] == text.splitlines()[1:]


def rewrite(file: str, content: bytes) -> None:
    """Give a file of a set other content, and take away the seal, as an older version has none."""
    Path(file).write_bytes(content)
    Path("a/.hashes.json").unlink()


def test_show_has_what_was_decided_first(run: Run) -> None:
    manifest = json.loads(Path("a/manifest.json").read_text())
    rewrite("a/manifest.json", json.dumps(manifest | {"notes": ["5 are left out"]}).encode())
    assert run("data", "show", "a")[1].startswith("warning: 5 are left out\ndata set ")


def test_sheet_has_images_of_the_set_at_a_resolution(run: Run) -> None:
    assert run("data", "show", "a", "--sheet", "out/s.png", "--resolution", "8")[0] == 0
    sheet = np.asarray(Image.open("out/s.png", formats=["PNG"]))
    assert sheet.shape == (64, 12 * 64, 3)
    tiles = sheet.reshape(64, 12, 64, 3).swapaxes(0, 1)[: len(LABELS), ::8, ::8]
    expected = ImageStore(Path("a/r8")).take(np.arange(len(LABELS)))
    np.testing.assert_array_equal(tiles, expected)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "none"), 2, "none/manifest.json: not found"),
        (("show", "a", "--sheet", "s.png", "--resolution", "32"), 2, "that a has: 4, 8, 16"),
        (("show", "a", "--sheet", "a/labels.npy/s.png"), 2, "--sheet: a/labels.npy/s.png: "),
        (("extract", "a", "--to", "b"), 2, "--to: b: not empty; --force"),
        (("extract", "a", "--to", "a/labels.npy"), 2, "--to: a/labels.npy: not a folder"),
        (("extract", "a", "--to", "a/labels.npy", "--force"), 2, "--to: a/labels.npy: "),
        (("extract", "a", "--to", "x", "--first", "6"), 2, "there are 6 images"),
        (("extract", "a", "--to", "x", "--first", "4", "--count", "3"), 2, "there are 6 images"),
        (("compare", "a", "none"), 2, "none/manifest.json: not found"),
    ],
)
def test_wrong_options_are_one_line(
    run: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert message in refused(run, code, *arguments)
    assert not Path("x").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"count": 3}', '{"count": "x"}', "\udcff"])
@pytest.mark.parametrize("arguments", [("show", "a"), ("compare", "b", "a")])
def test_damaged_manifest_is_named(run: Run, arguments: tuple[str, ...], text: str) -> None:
    rewrite("a/manifest.json", text.encode(errors="surrogateescape"))
    assert "a/manifest.json: not a readable" in refused(run, 3, *arguments)


@pytest.mark.parametrize("file", ["r16/00000.npy", "labels.npy"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"other"])
def test_damaged_array_is_named(run: Run, file: str, content: bytes) -> None:
    Path("a", file).write_bytes(content)
    line = refused(run, 3, "extract", "a", "--to", "x")
    assert f"a/{file.partition('/')[0]}" in line


def test_arrays_that_are_not_the_manifests_are_refused(run: Run) -> None:
    rewrite("a/r16/00000.npy", Path("a/r8/00000.npy").read_bytes())
    assert "is not what the manifest says" in refused(run, 3, "extract", "a", "--to", "x")


# extract


def read_back(path: Path, resolution: int, channels: int) -> list[tuple[Images, str]]:
    """As `dataset.name: folder` prepares it: the largest images with their labels."""
    color = "gray" if channels == 1 else "rgb"
    dataset = plan(path, dataset__resolution=32, dataset__color=color).dataset
    dataset = dataset.model_copy(update={"resolution": resolution})
    with squares.blocks(folder.read(path), dataset, path, [], 1) as blocks:
        return [
            (image.copy(), label)
            for levels, labels, _ in blocks
            for image, label in zip(levels[0], labels, strict=True)
        ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 16])
def test_what_is_extracted_is_read_back_with_its_labels(
    run: Run, channels: int, resolution: int
) -> None:
    pixels = images(channels)
    prepared(Path("own"), pixels)
    code, text, _ = run("data", "extract", "own", "--to", "x", "--resolution", str(resolution))
    assert (code, text) == (0, "6 images in x\n")
    order = sorted(range(len(LABELS)), key=lambda n: (LABELS[n], n))
    expected = ImageStore(Path(f"own/r{resolution}")).take(np.array(order))
    found = read_back(Path("x"), resolution, channels)
    assert [label for _, label in found] == [LABELS[n] for n in order]
    np.testing.assert_array_equal([image for image, _ in found], expected)


def test_some_images_go_beside_what_is_there_if_told_so(run: Run) -> None:
    Path("x").mkdir()
    Path("x/mine.txt").write_text("mine")
    arguments = ("data", "extract", "a", "--to", "x", "--first", "1", "--count", "2", "--force")
    assert run(*arguments)[0] == 0
    names = {str(path.relative_to("x")) for path in Path("x").rglob("*") if path.is_file()}
    assert names == {"mine.txt", "a/00000001.png", "ä/00000002.png"}
    assert Path("x/mine.txt").read_text() == "mine"


def test_without_labels_there_are_no_folders(run: Run) -> None:
    prepared(Path("own"), images(), ["same"] * len(LABELS))
    assert run("data", "extract", "own", "--to", "x")[0] == 0
    assert sorted(path.name for path in Path("x").iterdir()) == [f"{n:08d}.png" for n in range(6)]
    assert {label for _, label in read_back(Path("x"), 16, 3)} == {""}


@pytest.mark.parametrize(
    "bad",
    ["..", ".hidden", "a/b", "/a", "a\\b", "c:", "__MACOSX", "a\0b", "caf\udce9", "x" * 256],
)
def test_label_that_is_no_name_is_refused_before_anything_is_written(run: Run, bad: str) -> None:
    prepared(Path("own"), images(), [bad, *LABELS[1:]])
    before = sha256_tree(Path.cwd())
    assert repr(bad) in refused(run, 2, "extract", "own", "--to", "x")
    assert sha256_tree(Path.cwd()) == before


def test_full_disk_leaves_no_part_of_a_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def fill_up(path: Path, data: bytes) -> int:
        if path.name == "00000002.png":
            write(path, data[:9])
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    assert "the disk is full" in refused(run, 4, "extract", "a", "--to", "x")
    assert sorted(path.name for path in Path("x").rglob("*.png")) == [
        "00000000.png",
        "00000001.png",
    ]


# compare


def difference(run: Run, code: int = 1) -> list[str]:
    found, text, stderr = run("data", "compare", "a", "b")
    assert (found, stderr) == (code, "")
    return text.splitlines()


def test_equal_sets_are_told_by_their_manifests(run: Run) -> None:
    shutil.rmtree("b/r16")  # not read
    assert difference(run, 0) == ["the same"]


def test_one_pixel_is_found_at_every_resolution_where_it_shows(run: Run) -> None:
    changed = images()
    changed[4][3, 5, 1] ^= 0x80
    prepared(Path("b"), changed)
    shown = [f"{size}x{size}: images that differ: 1 (4); by " for size in (4, 8, 16)]
    found = difference(run)
    assert [line[: len(start)] for line, start in zip(found, shown, strict=True)] == shown
    apart = [np.abs(stored("a", size) - stored("b", size)).max() for size in (4, 8, 16)]
    assert [line.split("; by ")[1] for line in found] == [f"{n} of 255 at most" for n in apart]


def stored(name: str, resolution: int) -> np.ndarray:
    return ImageStore(Path(name, f"r{resolution}")).take(np.arange(len(LABELS))).astype(int)


def test_other_shards_of_equal_images_are_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = (2 * 16 * 16 * 3, shards.START)  # two images a shard
    monkeypatch.setattr(shards.ShardWriter.__init__, "__defaults__", defaults)
    prepared(Path("b"), images())
    assert read_manifest(Path("a"))["arrays"] != read_manifest(Path("b"))["arrays"]
    assert difference(run, 0) == ["the same"]


def test_other_labels_are_named(run: Run) -> None:
    prepared(Path("b"), images(), ["a", *LABELS[1:]])
    assert difference(run) == ["labels: images that differ: 1 (0); 0: 'b c' and 'a'"]


def test_number_of_a_label_is_not_its_name(run: Run) -> None:
    """Without the class that sorts first, the same labels have other numbers."""
    prepared(Path("a"), images(), ["a", *["b"] * 4, "c"])
    prepared(Path("b"), images(), [*["b"] * 5, "c"])
    assert not np.array_equal(read_labels(Path("a"))[1:], read_labels(Path("b"))[1:])
    assert difference(run) == ["labels: images that differ: 1 (0); 0: 'a' and 'b'"]


def test_more_images_and_other_kinds(run: Run) -> None:
    prepared(Path("b"), images()[:5], LABELS[:5])
    assert difference(run) == ["images: 6 and 5; the first ones are compared"]
    shutil.rmtree("b")
    prepared(Path("b"), images(1, 32))
    assert difference(run) == ["channels: 3 and 1", "32x32: only in b"]


def test_what_differs_a_lot_is_listed_in_part(run: Run) -> None:
    many = [np.full((8, 8, 3), n, np.uint8) for n in range(40)]
    for name, pixels in (("a", many), ("b", [image + 2 for image in many])):
        shutil.rmtree(name)
        prepared(Path(name), pixels, [""] * 40)
    first = "images that differ: 40 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...); by 2 of 255 at most"
    assert difference(run) == [f"4x4: {first}", f"8x8: {first}"]


def test_manifest_may_say_more(run: Run) -> None:
    known = json.loads(Path("a/manifest.json").read_text())
    rewrite("a/manifest.json", json.dumps({**known, "later": 1}).encode())
    assert difference(run, 0) == ["the same"]
