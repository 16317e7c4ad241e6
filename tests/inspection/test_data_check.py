"""`pgpipe data check` on folders whose every property was chosen here."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rawset import (
    PROFILE,
    encoded,
    pictures,
    plan,
    report,
    sixteen_bits,
    turned,
    write,
)

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images
from pgpipe.inspection import pictures as pictures_of
from pgpipe.inspection import seen
from pgpipe.inspection.check import check
from pgpipe.inspection.likeness import NEAR, hashes
from pgpipe.inspection.report import Groups, Report
from pgpipe.inspection.seen import Names, see
from pgpipe.inspection.source import opened
from pgpipe.plumbing.hashes import sha256_tree


def test_images_and_rejected_files_are_counted_and_named(tmp_path: Path) -> None:
    good = {f"{n}.png": encoded(image) for n, image in enumerate(pictures(5))}
    bad = {"cut.png": good["0.png"][:200], "notes.txt": b"text", "empty.jpg": b""}
    found = report(write(tmp_path, {**good, **bad}))
    assert found.images == 5
    assert found.bytes == sum(map(len, [*good.values(), *bad.values()]))
    assert found.rejected.files == 3
    assert found.rejected.reasons["not a JPEG, PNG or WebP image"] == 2
    assert [name for name, _ in found.rejected.listed] == ["cut.png", "empty.jpg", "notes.txt"]
    assert "files that give no image: 3, the first is 'cut.png': corrupt" in found.warnings[0]
    assert "refuse" not in found.warnings[0]
    assert "`prepare` will refuse" in report(tmp_path, dataset__max_rejected=2).warnings[0]


def test_reasons_that_differ_in_a_number_are_one(tmp_path: Path) -> None:
    """Else a set of damaged files would have as many reasons as files."""
    whole = encoded(pictures(1)[0], "JPEG")
    found = report(write(tmp_path, {"a.jpg": whole} | {f"{n}.jpg": whole[:-n] for n in (200, 300)}))
    assert list(found.rejected.reasons.values()) == [2]
    assert len({reason for _, reason in found.rejected.listed}) == 2


def test_how_images_are_stored(tmp_path: Path) -> None:
    image, *_ = pictures(1)
    modes = {"L": "gray", "LA": "gray with alpha", "P": "palette", "1": "black and white"}
    files = {f"{mode}.png": encoded(image, "PNG", mode) for mode in [*modes, "RGBA"]}
    files |= {"16.png": sixteen_bits(image), "cmyk.jpg": encoded(image, "JPEG", "CMYK")}
    files |= {
        "icc.jpg": encoded(image, "JPEG", icc_profile=PROFILE),
        "turned.jpg": turned(image, 3),
    }
    files |= {"webp.webp": encoded(image, "WEBP"), "gray.jpg": encoded(image, "JPEG", "L")}
    frames = [Image.fromarray(image), Image.fromarray(255 - image)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    stored = report(write(tmp_path, {**files, "moving.webp": buffer.getvalue()})).stored
    assert stored.formats == {"PNG": 6, "JPEG": 4, "WEBP": 2}
    once = dict.fromkeys([*modes.values(), "RGBA", "gray, 16 bits", "CMYK"], 1)
    assert stored.modes == {**once, "RGB": 4, "gray": 2}
    assert stored.marks == {"ICC profile": 1, "turned by EXIF": 1, "animated": 1}


SIZES = [(64, 64), (64, 64), (300, 150), (20, 90), (128, 127), (178, 218)]  # width, height


@pytest.fixture
def sized(tmp_path: Path) -> Path:
    """Images of SIZES; the one of 20x90 is stored lying, to be turned by EXIF."""
    files = {}
    for number, (width, height) in enumerate(SIZES):
        (image,) = pictures(1, width, height, number)
        stored = turned(image.swapaxes(0, 1), 6) if width == 20 else encoded(image)
        files[f"{number}.png"] = stored
    return write(tmp_path / "own", files)


def test_sizes_and_shapes_are_those_that_are_seen(sized: Path) -> None:
    found = report(sized)
    assert found.sizes.smallest == (20, 90)
    assert found.sizes.largest == (300, 150)
    assert found.sizes.median_side == np.median([64, 64, 150, 20, 127, 178])
    assert found.sizes.by_side == {"16 to 31": 1, "32 to 63": 0, "64 to 127": 3, "128 to 255": 2}
    assert found.sizes.common["64x64"] == 2
    assert found.aspect.smallest == pytest.approx(20 / 90)
    assert found.aspect.largest == 2
    shapes = {"1:2 or taller": 1, "3:4 to square": 1, "square": 3, "4:3 to 2:1": 1}
    assert {name: n for name, n in found.aspect.by_shape.items() if n} == shapes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("crop", "resolution", "enlarged"),
    [
        ("center", 64, 1),
        ("center", 128, 4),
        ("pad", 64, 0),
        ("pad", 128, 3),
        ("celeba", 128, 0),
        ("celeba", 256, 6),
    ],
)
def test_images_are_enlarged_where_their_square_is_smaller(
    sized: Path, crop: str, resolution: int, enlarged: int
) -> None:
    found = report(sized, dataset__crop=crop, dataset__resolution=resolution)
    assert found.sizes.enlarged == enlarged
    warned = f"smaller than dataset.resolution ({resolution}), to be enlarged: {enlarged}"
    assert any(warned in line for line in found.warnings) == bool(enlarged)


def test_crop_policies_lose_what_the_shapes_say(sized: Path) -> None:
    crops = report(sized).crops
    lost = [1 - min(w, h) ** 2 / (w * h) for w, h in SIZES]
    added = [1 - w * h / max(w, h) ** 2 for w, h in SIZES]
    assert crops.outside == pytest.approx(np.mean(lost)) == pytest.approx(np.mean(added))
    assert crops.outside_most == pytest.approx(max(lost)) == pytest.approx(max(added))
    assert crops.celeba_refused == 5
    found = report(sized, dataset__crop="celeba", dataset__resolution=128)
    assert (found.images, found.rejected.files) == (1, 5)


@pytest.mark.parametrize(("crop", "done"), [("center", "cuts away"), ("pad", "leaves")])
@pytest.mark.parametrize(("height", "warned"), [(40, True), (50, False)])
def test_a_crop_that_loses_much_is_warned_of(
    tmp_path: Path, crop: str, done: str, height: int, warned: bool
) -> None:
    """1 - 40 / 64 is more than 30 %, 1 - 50 / 64 is less."""
    write(tmp_path, {"a.png": encoded(pictures(1, 64, height)[0])})
    found = report(tmp_path, dataset__crop=crop).warnings
    assert any(f"crop: {crop} {done} " in line for line in found) == warned


def test_images_that_no_crop_takes_are_reported_too(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": encoded(pictures(1)[0])})
    found = report(tmp_path, dataset__crop="celeba", dataset__resolution=128)
    assert (found.images, found.sizes.largest) == (0, (64, 64))
    assert found.duplicates.exact.groups == found.duplicates.near.groups == 0


def test_equal_files_are_found_with_their_labels(tmp_path: Path) -> None:
    one, two, three, four = (encoded(image) for image in pictures(4))
    write(tmp_path, {"a/1.png": one, "a/2.png": two, "a/3.png": one, "a/4.png": four})
    write(tmp_path, {"b/1.png": one, "b/2.png": three, "b/3.png": four[:-50], "b/4.png": two})
    exact = report(tmp_path).duplicates.exact
    assert (exact.groups, exact.surplus, exact.across_labels) == (2, 3, 2)
    assert exact.listed == [["a/1.png", "a/3.png", "b/1.png"], ["a/2.png", "b/4.png"]]


def test_near_duplicates_are_those_of_comparing_each_with_each(tmp_path: Path) -> None:
    draw, files = np.random.default_rng(0), {}
    for number, image in enumerate(pictures(40)):
        for copy in range(draw.integers(1, 4)):
            noise = draw.normal(0, 12, image.shape)
            files[f"{number:02d}-{copy}.png"] = encoded((image + noise).clip(0, 255).astype("u1"))
    found = report(write(tmp_path, files)).duplicates
    near = found.near
    assert (found.near_bits, found.complete) == (NEAR, True)
    squares = np.stack([np.asarray(Image.open(io.BytesIO(d))) for d in files.values()])
    known = [int(value) for value in hashes(squares)]
    joined = {name: {name} for name in files}
    for (a, one), (b, two) in itertools.combinations(zip(files, known, strict=True), 2):
        if (one ^ two).bit_count() <= NEAR:
            both = joined[a] | joined[b]
            joined |= dict.fromkeys(both, both)
    expected = sorted({tuple(sorted(group)) for group in joined.values() if len(group) > 1})
    assert near.groups == len(expected) > 10
    assert near.surplus == sum(map(len, expected)) - len(expected)
    assert all(tuple(names) in expected for names in near.listed)


def test_equal_files_are_no_near_duplicates(tmp_path: Path) -> None:
    one, two = (encoded(image) for image in pictures(2))
    write(tmp_path, {"1.png": one, "2.png": one, "3.png": two})
    assert report(tmp_path).duplicates.near.surplus == 0
    image, *_ = pictures(1)
    write(tmp_path, {"4.jpg": encoded(image, "JPEG"), "5.jpg": encoded(image, "JPEG")})
    found = report(tmp_path).duplicates
    assert found.exact.listed == [["1.png", "2.png"], ["4.jpg", "5.jpg"]]
    assert found.near.listed == [["1.png", "4.jpg"]]


def test_classes_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    images = iter(pictures(24, 16, 16))
    for label, count in (("few", 1), ("more", 3), ("most", 20)):
        write(tmp_path, {f"{label}/{n}.png": encoded(next(images)) for n in range(count)})
    found = report(tmp_path)
    assert found.labels.images == {"few": 1, "more": 3, "most": 20}
    assert (found.labels.classes, found.labels.smallest, found.labels.largest) == (3, "few", "most")
    text = "\n".join(found.warnings)
    assert "3 of 3 classes have fewer than 100 images; the smallest, 'few', has 1" in text
    assert "'most', has 20 times as many" in text


def test_labels_of_training_need_labels(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.png": encoded(pictures(1)[0])})
    assert report(tmp_path).labels.classes == 0
    missing = "no labels, and train.label_conditioning is acgan: set it to auto or false"
    assert missing in report(tmp_path).warnings
    for fine in (False, "auto"):
        assert missing not in report(tmp_path, train__label_conditioning=fine).warnings


@pytest.mark.parametrize(("pairs", "warned"), [(3, False), (4, True)])
def test_scores_need_images(tmp_path: Path, pairs: int, warned: bool) -> None:
    """3 pairs compare 6 images with 6 others: see `gate`, which refuses more."""
    write(tmp_path, {f"{n}.png": encoded(image) for n, image in enumerate(pictures(12))})
    found = report(tmp_path, score__ms_ssim_pairs=pairs)
    text = "\n".join(found.warnings)
    assert ("score.ms_ssim_pairs: 4 is not <= 3" in text) == warned
    assert "12 images, fewer than 32: no floor of reals against other reals" in text


def test_images_are_enough_to_be_trained_on(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.png": encoded(image) for n, image in enumerate(pictures(11))})
    assert report(tmp_path).warnings[0].startswith("11 images are not >= 12: too few to train on")


def test_a_sound_set_gets_no_warning(tmp_path: Path) -> None:
    for label in "ab":
        images = pictures(100, seed=ord(label))
        write(tmp_path, {f"{label}/{n}.png": encoded(image) for n, image in enumerate(images)})
    assert report(tmp_path).warnings == []


def test_result_is_that_of_one_process_and_of_any_order_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "BATCH_IMAGES", 7)
    files = {f"{n % 3}/{n:03d}.png": encoded(image) for n, image in enumerate(pictures(60, 20, 17))}
    write(tmp_path, {**files, "0/bad.png": b"bad"})
    before = sha256_tree(tmp_path)
    one, three = (
        check(plan(tmp_path, dataset__resolution=32), Path("none"), lambda _: None, n)
        for n in (1, 3)
    )
    free = {"estimate": one.report.estimate}  # what else runs here changes what is free
    assert one.report == three.report.model_copy(update=free)
    np.testing.assert_array_equal(one.sheet, three.sheet)
    assert sha256_tree(tmp_path) == before


def test_sheet_has_the_squares_of_training(tmp_path: Path) -> None:
    """Some of each, in the order of the images, as `center` cuts them."""
    images = pictures(5, 64, 64)
    wide = [np.concatenate([image[:, :9], image, image[:, :9]], axis=1) for image in images]
    write(tmp_path, {f"{n}.png": encoded(image) for n, image in enumerate(wide)})
    sheet = check(plan(tmp_path), Path("none"), lambda _: None, 1).sheet
    np.testing.assert_array_equal(sheet[:, : 5 * 64], np.concatenate(images, axis=1))


def test_choice_of_the_sheet_does_not_depend_on_the_order(tmp_path: Path) -> None:
    images = pictures(150, 8, 8)
    dataset = plan(tmp_path, dataset__resolution=32).dataset
    chosen = []
    for order in (images, images[::-1]):
        items = ((image, "", str(n)) for n, image in enumerate(order))
        chosen.append(
            {square.tobytes() for square in see(items, dataset, lambda _: None).squares()}
        )
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == seen.SHEET


def test_names_go_through_a_file() -> None:
    names, known = Names(), ["", "a/b.png", "größe.png", "x" * 1000]
    for name in known:
        names.append(name)
    assert [names[n] for n in range(4)] == known
    names.append("later")
    assert names[4] == "later"


def test_report_is_json_and_back(tmp_path: Path) -> None:
    found = report(write(tmp_path, {"a.png": encoded(pictures(1)[0]), "b.txt": b""}))
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_estimate_is_for_the_images_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.png": encoded(image) for n, image in enumerate(pictures(3))})
    found = report(tmp_path).estimate
    pixels = sum(3 * 3 * 4**n for n in range(2, 7))  # of 3 images of 4x4 to 64x64
    assert pixels < found.disk["data/multires"] < pixels + 2000
    assert found.disk["data/raw"] == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert found.memory.keys() == {*(f"train r{n}" for n in (4, 8, 16, 32)), "reference, score"}


# What there is to be read


@pytest.mark.parametrize("name", ["photos", "digits-1k"])
def test_embedded_sets_are_made(name: str, tmp_path: Path) -> None:
    more = {"photos": {"dataset__images_per_class": 3}, "digits-1k": {"dataset__stacks": 30}}[name]
    if name == "digits-1k":
        more = {**more, "dataset__resolution": 32, "train__label_conditioning": False}
        more |= {"score__mode_samples": 10, "score__mode_evaluations": 1, "sample__images": 30}
    chosen = plan(tmp_path, name, **more)
    found = check(chosen, Path("none"), lambda _: None, 1).report
    assert found.images == 30
    assert found.stored.formats == {"pixels": 30}
    side = chosen.dataset.resolution
    assert found.sizes.smallest == found.sizes.largest == (side, side)
    assert found.labels.classes == 10 or name != "photos"


@pytest.mark.parametrize("name", ["cifar10", "celeba", "folder", "lsun"])
def test_missing_images_are_told_with_what_to_do(name: str, tmp_path: Path) -> None:
    dataset = plan(tmp_path / "none", name).dataset
    with pytest.raises(UsageError) as caught, opened(dataset, tmp_path / "raw"):
        pass
    assert "\n" not in str(caught.value)
    wanted = "run `dvc repro download`" if name == "cifar10" else str(tmp_path / "none")
    assert wanted in str(caught.value)


@pytest.mark.parametrize("files", [{}, {"a.txt": b"a", "b.txt": b"b"}])
def test_folder_without_images_is_an_error(files: dict[str, bytes], tmp_path: Path) -> None:
    told = f"no readable image among {len(files)} files" if files else "no files in it"
    with pytest.raises(UsageError, match=told):
        report(write(tmp_path, files))


def test_damaged_archive_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"own.zip": b"PK not a zip"})
    with pytest.raises(IntegrityError, match=rf"^{tmp_path / 'own.zip'}: not a readable zip"):
        report(tmp_path / "own.zip")


def test_unreadable_file_is_an_error_about_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, who runs some machines' tests, may read any file, the system's answer is made."""
    write(tmp_path, {"a.png": b"a"})

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UsageError, match=rf"^{tmp_path / 'a.png'}: Permission denied$"):
        report(tmp_path)


def test_rows_of_near_duplicates_show_their_squares(tmp_path: Path) -> None:
    image, *others = pictures(4)
    like: Images = image ^ np.uint8(1)
    files = {f"{n}.png": encoded(other) for n, other in enumerate(others)}
    write(tmp_path, {**files, "a.png": encoded(image), "z.png": encoded(like)})
    chosen = plan(tmp_path)
    near = check(chosen, Path("none"), lambda _: None, 1).report.duplicates.near
    (row,) = pictures_of.groups(near, chosen, Path("none"))
    np.testing.assert_array_equal(row, np.concatenate([image, like], axis=1))


def test_a_file_that_is_gone_since_is_a_white_square(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": encoded(pictures(1)[0])})
    gone = Groups(groups=1, surplus=1, across_labels=0, listed=[["gone.png", "a.png"]])
    (row,) = pictures_of.groups(gone, plan(tmp_path), Path("none"))
    assert (row[:, :64] == 255).all()
    np.testing.assert_array_equal(row[:, 64:], pictures(1)[0])
