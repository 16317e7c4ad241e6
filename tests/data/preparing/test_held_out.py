"""What is held out: drawn by the pixels, apart from what is trained on, and sealed as that is."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tinyparams import VALID, with_values

from pgpipe.config import validate
from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding.multires import HELD_OUT, Block, ImageStore, everything, read_manifest
from pgpipe.data.preparing import finished, keeping, pyramid, writing
from pgpipe.data.preparing.keeping import kept
from pgpipe.data.preparing.writing import ALL, SetWriter, Split, write_manifest
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images
from pgpipe.inspection import compare, prepared
from pgpipe.plumbing.hashes import sha256_tree
from stages import check

COUNT = 400
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
QUARTER = Split(0.25, 0)


def blocks(images: Images = IMAGES, size: int = 16) -> Iterator[Block]:
    for start in range(0, len(images), size):
        some = images[start : start + size]
        yield pyramid.block([(image, f"{n % 2}", f"{n}") for n, image in enumerate(some)])


def made(folder: Path, split: Split, images: Images = IMAGES) -> Path:
    with SetWriter(folder, 8, split=split) as writer:
        for block in blocks(images):
            writer.append(block)
    write_manifest(folder, writer)
    return folder


def of(folder: Path, side: int = 8) -> list[bytes]:
    store = ImageStore(folder / f"r{side}")
    return [image.tobytes() for image in everything(store)[:]]


def test_both_parts_are_all_images_each_once_at_every_resolution(tmp_path: Path) -> None:
    folder = made(tmp_path / "set", QUARTER)
    manifest = read_manifest(folder)
    trained, apart = of(folder), of(folder / HELD_OUT)
    assert (len(trained), len(apart)) == (manifest["count"], manifest["held_out"])
    assert sorted(trained + apart) == sorted(image.tobytes() for image in IMAGES)
    assert len(apart) == pytest.approx(COUNT / 4, abs=3 * (COUNT * 3 / 16) ** 0.5)
    assert sum(manifest["per_label"].values()) == manifest["count"]
    assert len(np.load(folder / "labels.npy")) == manifest["count"]
    levels = [level.tobytes() for level in pyramid.pyramid(np.stack([*IMAGES]))[1]]
    assert sorted(of(folder, 4) + of(folder / HELD_OUT, 4)) == sorted(levels)


def test_order_and_company_decide_nothing_and_equal_images_are_on_one_side(tmp_path: Path) -> None:
    apart = set(of(made(tmp_path / "one", QUARTER) / HELD_OUT))
    again = np.concatenate([IMAGES[::-2], IMAGES[:50], IMAGES[::2]])
    folder = made(tmp_path / "two", QUARTER, again)
    assert set(of(folder / HELD_OUT)) | set(of(folder)) == {i.tobytes() for i in again}
    assert set(of(folder / HELD_OUT)) == apart & {i.tobytes() for i in again}
    assert not set(of(folder)) & apart
    other = set(of(made(tmp_path / "seed", Split(0.25, 1)) / HELD_OUT))
    assert other != apart


def test_without_a_share_the_set_is_to_the_byte_what_it_was(tmp_path: Path) -> None:
    writing.write(blocks(), tmp_path / "plain", 8, [])
    folder = made(tmp_path / "none", ALL)
    assert sha256_tree(folder) == sha256_tree(tmp_path / "plain")
    assert "held_out" not in read_manifest(folder)
    assert not (folder / HELD_OUT).exists()


def test_an_ended_preparation_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(keeping, "MARK_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "MARK_SHARE", float("inf"))
    whole = sha256_tree(made(tmp_path / "whole", QUARTER))

    def ended() -> Iterator[Block]:
        yield from islice(blocks(), 7)
        raise KeyboardInterrupt

    target = tmp_path / "set"
    target.mkdir()
    with pytest.raises(KeyboardInterrupt), kept(tmp_path / "kept", "key", 8, QUARTER) as keeper:
        keeper.write(ended(), target)
    with kept(tmp_path / "kept", "key", 8, QUARTER) as keeper:
        assert keeper.writer.taken == 7 * 16
        manifest = keeper.write(islice(blocks(), 7, None), target)
    assert sha256_tree(target) == whole
    finished.keep(tmp_path / "prepared", "key", target, manifest)
    assert finished.restore(tmp_path / "prepared", "key", tmp_path / "again") is not None
    assert sha256_tree(tmp_path / "again") == whole


def test_it_is_sealed_as_the_rest(tmp_path: Path) -> None:
    folder = made(tmp_path / "set", QUARTER)
    file = folder / HELD_OUT / "r8/00000.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"r8/00000\.npy: not what was written"):
        ImageStore(folder / HELD_OUT / "r8")


def test_it_is_shown_and_compared(tmp_path: Path) -> None:
    ours, theirs = made(tmp_path / "a", QUARTER), made(tmp_path / "b", ALL)
    known = prepared.manifest(ours)
    assert known.resolutions == [4, 8]
    apart = f"{known.held_out:,} more, which training never sees"
    assert ("held out", apart) in list(prepared.rows(ours, known))
    assert "held out" not in [name for name, _ in prepared.rows(theirs, prepared.manifest(theirs))]
    told = list(compare.differences(ours, theirs, lambda _: None))
    assert f"held out: {known.held_out} and 0 images, which are not the same" in told
    assert not list(compare.differences(ours, ours, lambda _: None))


def test_of_few_images_all_may_be_held_out_which_is_told(tmp_path: Path) -> None:
    few = IMAGES[QUARTER.held_out(IMAGES)][:3]
    with pytest.raises(UsageError, match="held_out: it takes all of these few images"):
        made(tmp_path / "set", QUARTER, few)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"held_out": 0.6}, "held_out: 0.6 is not <= 0.5"),
        ({"held_out": -1}, "held_out: -1 is not >= 0"),
        (
            {"held_out": 0.1, "name": "digits-1k", "resolution": 32},
            "held_out: 0.1 is not 0: digits-1k are all stacks of the same digits",
        ),
    ],
)
def test_what_cannot_be_held_out(values: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        validate(DatasetSection, {**VALID["dataset"], **values}, "params.yaml")
    assert told in str(refused.value)


def test_what_is_asked_of_the_data_is_asked_of_what_is_trained_on() -> None:
    """Of the 5,000 windows a half is held out, and a half of the rest is scored."""
    auto = {"sample__images": "auto", "score__ms_ssim_pairs": "auto", "score__swd_images": "auto"}
    asked = {**auto, "score__swd_images": 1300}
    check.check(with_values(**asked), "p")
    with pytest.raises(UsageError, match=r"score.swd_images: 1300 is not <= 1250 \(half of 2500"):
        check.check(with_values(**asked, dataset__held_out=0.5), "p")
    params = check.check(with_values(**auto, dataset__held_out=0.5), "p")
    assert check.plan_of(params).images == 5000, "all are prepared"
    assert check.plan_of(params).most_scored().swd_images == 1250
