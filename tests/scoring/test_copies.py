"""Does it copy? Alarms on planted copies, none on reals, in both ways to judge."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from tinyproject import Run

from pgpipe.data.feeding.multires import HELD_OUT, ImageStore, everything, read_manifest
from pgpipe.data.preparing.pyramid import Sample, blocks
from pgpipe.data.preparing.writing import SetWriter, Split, write_manifest
from pgpipe.data.sources import photos
from pgpipe.drawing.neighbours import beside_neighbours
from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.metrics import classifier
from pgpipe.scoring import neighbours

SIDE = 16
CPU = torch.device("cpu")
TRAINED, DRAWN = 1200, 390


def photographs(folder: Path) -> list[Sample]:
    """Windows into the ten photographs, which overlap: a real has others that are very like it."""
    photos.fetch(folder / "raw.zip")
    return list(photos.read(folder / "raw.zip", 3, SIDE, (TRAINED + DRAWN) // 10, seed=3))


def digits(_: Path) -> list[Sample]:
    """Handwritten digits, each of which was written once."""
    images = load_digits().images[: TRAINED + DRAWN, :, :, None].repeat(2, 1).repeat(2, 2)
    return [(np.rint(image * 255 / 16).astype(np.uint8), "", "") for image in images]


def prepared(folder: Path, samples: list[Sample], split: Split) -> Path:
    with SetWriter(folder, SIDE, split=split) as writer:
        for block in blocks(samples):
            writer.append(block)
    write_manifest(folder, writer)
    return folder


class Given(NamedTuple):
    """A prepared set, and images of the same kind."""

    data: Path
    fresh: Images  # as a generator without any fault might draw
    noise: tuple[float, float]  # gray levels, with which 5 % or 10 % of copies are an alarm

    @property
    def training(self) -> Images:
        return everything(ImageStore(self.data / f"r{SIDE}"))[:]


@pytest.fixture(scope="module", params=[(photographs, 0, (1, 2)), (digits, 0.3, (20, 20))])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """A set of which none, or some, are held out."""
    samples, share, noise = request.param
    folder = tmp_path_factory.mktemp("given")
    found = samples(folder)
    data = prepared(folder / "data", found[:TRAINED], Split(share, 0))
    return Given(data, np.stack([np.rint(i).astype(np.uint8) for i, *_ in found[TRAINED:]]), noise)


@pytest.fixture
def given(made: Given) -> Given:
    return made._replace(fresh=made.fresh.copy())


def alarms(data: Path, images: Images, mirror: bool = False) -> dict[str, bool]:
    spaces = [neighbours.pixels(SIDE, CPU), neighbours.of_pyramid(data, SIDE, CPU)]
    found = neighbours.compare(data, images, spaces, mirror)
    return {one.name: one.verdict.copies for one in found}


def test_reals_that_were_not_trained_on_are_no_copies(given: Given) -> None:
    assert alarms(given.data, given.fresh) == {"pixels": False, "pyramid": False}
    mirrored = given.fresh[:, :, ::-1].copy()
    assert alarms(given.data, mirrored, mirror=True) == {"pixels": False, "pyramid": False}


@pytest.mark.parametrize(
    ("how", "share"),
    [("exact", 0.05), ("noised", 0.05), ("noised", 0.1), ("mirrored", 0.05), ("darker", 0.1)],
)
def test_a_few_copies_among_them_are_an_alarm(given: Given, how: str, share: float) -> None:
    count = round(share * len(given.fresh))
    copies = given.training[: 7 * count][::7].astype(float)
    if how == "noised":
        copies += np.random.default_rng(0).normal(0, given.noise[share > 0.05], copies.shape)
    if how == "mirrored":
        copies = copies[:, :, ::-1]
    if how == "darker":
        copies *= 0.99
    given.fresh[:count] = np.rint(copies).clip(0, 255)
    found = alarms(given.data, given.fresh, mirror=how == "mirrored")
    assert found == {"pixels": True, "pyramid": True}
    if how == "mirrored":
        assert not alarms(given.data, given.fresh)["pixels"], "else it is another image"


def test_smooth_images_are_no_copies(given: Given) -> None:
    """They are near to many training images, in plain distances nearer than any real."""
    parts = given.fresh.reshape(len(given.fresh), 4, 4, 4, 4, -1)
    mean = np.broadcast_to(parts.mean(axis=(2, 4), keepdims=True), parts.shape)
    smooth = np.rint(mean).astype(np.uint8).reshape(given.fresh.shape)
    assert alarms(given.data, smooth) == {"pixels": False, "pyramid": False}


def test_the_reals_are_those_that_are_held_out_where_these_are_enough(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = read_manifest(given.data).get(HELD_OUT, 0)
    reals = neighbours.reals_of(given.data, SIDE)
    assert reals.kind == ("held out" if held_out else "training")
    assert len(reals.own) == (held_out or neighbours.MOST_REALS)
    assert (reals.own == -1).all() == bool(held_out)
    monkeypatch.setattr(neighbours, "ENOUGH", held_out + 1)
    assert neighbours.reals_of(given.data, SIDE).kind == "training"


def test_larger_images_are_made_smaller_as_prepare_does(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "SIDE", SIDE // 2)
    spaces = [neighbours.pixels(SIDE, CPU)]
    (found,) = neighbours.compare(given.data, given.training[10:14], spaces, mirror=False)
    assert found.generated.indices[:, 0].tolist() == [10, 11, 12, 13]
    assert (found.generated.distances[:, 0] < 0.5).all(), "of 255, as each is rounded once more"


def test_classifier_sees_what_it_decides_by(given: Given, tmp_path: Path) -> None:
    data, fresh, file = given.data, given.fresh, tmp_path / "classifier.safetensors"
    assert neighbours.best_features(data, file, SIDE, CPU, inception=False).name == "pyramid"
    labels = np.arange(len(given.training)) % 10
    net = classifier.train(given.training, labels, 10, 1280, 0.002, 0, CPU)
    classifier.save(file, net)
    space = neighbours.best_features(data, file, SIDE, CPU)
    assert space.name == "classifier"
    seen = space.embed(fresh[:5])
    assert seen.shape == (5, 128)
    shares = classifier.probabilities(net, [fresh[:5]])
    torch.testing.assert_close(net.logits(seen).softmax(dim=1), shares)
    assert not neighbours.compare(data, fresh, [space], mirror=False)[0].verdict.copies
    fresh[:40] = given.training[100:140]
    assert neighbours.compare(data, fresh, [space], mirror=False)[0].verdict.copies


def test_mirrored_neighbours_are_shown_as_they_were_compared(given: Given) -> None:
    copies = given.training[:3][:, :, ::-1].copy()
    found = neighbours.compare(given.data, copies, [neighbours.pixels(SIDE, CPU)], mirror=True)
    reals, training = neighbours.reals_of(given.data, SIDE), given.training
    drawn = beside_neighbours(found, copies, "abc", reals.images, reals.names, training, 3)
    for y in (22, 22 + 80):
        own, nearest = (drawn[y : y + 64, x : x + 64] for x in (6, 6 + 78 + 18))
        np.testing.assert_array_equal(own, nearest)


# By command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def test_the_command_writes_picture_table_and_verdict(
    command: Run, given: Given, here: Path
) -> None:
    fresh = given.fresh[:200]
    fresh[20:40] = given.training[:20]
    np.save("drawn.npy", fresh)
    code, out, err = command("neighbours", "--images", "drawn.npy", "--data", str(given.data))
    assert code == 0, err
    assert err == "pgpipe: warning: it copies: look at the first rows of neighbours.png\n"
    assert out.splitlines()[0] == "neighbours: neighbours.png, neighbours.csv, neighbours.json"
    assert out.count("so it copies") == 2
    known = json.loads((here / "neighbours/neighbours.json").read_text())
    assert known["copies"]
    assert known["spaces"]["pixels"]["share"] >= 0.1
    with (here / "neighbours/neighbours.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200 + known["reals"]
    planted = [row for row in rows if row["set"] == "generated" and row["pixels_distance"] == "0"]
    assert {str(n) for n in range(20, 40)} <= {row["image"] for row in planted}
    assert {row["pixels_nearest"] for row in planted if int(row["image"]) < 40} >= {"0", "19"}
    assert {row["pixels_suspicious"] for row in planted} == {"True"}
    picture = np.asarray(Image.open(here / "neighbours/neighbours.png"))
    assert picture.shape == (12 + 16 + (8 + 3) * 80, 12 + 78 + 2 * (18 + 3 * 78), 3)
    own, nearest = (picture[22:86, x : x + 64] for x in (6, 6 + 78 + 18))
    np.testing.assert_array_equal(own, nearest)
    assert (own[::4, ::4] == fresh).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--images", "none.npy"], 2, "none.npy: "),
        (["--images", "text.npy"], 3, "text.npy: not a readable .npy array"),
        (["--images", "other.npy"], 2, " channels; these have "),
        (["--images", "large.npy"], 2, "r32: no prepared images; is it above dataset.resolution?"),
        (["--images", "many.npy"], 2, "--images: 8,193 images are not <= 8,192"),
        (["--images", "good.npy", "model"], 2, "--images: with them no generator is needed"),
        (["--seeds", "a"], 2, "--seeds: 'a' is no seed"),
        (["--seeds", "0-9000"], 2, "--seeds: 9,001 images are not <= 8,192"),
        ([], 2, "no project here: name a generator's file"),
        (
            ["--images", "good.npy", "--features", "classifier"],
            2,
            "reference/classifier.safetensors, which `pgpipe",
        ),
        (["--images", "good.npy", "--features", "inception"], 2, "run `pgpipe weights`"),
        (["--images", "good.npy", "--data", "nowhere"], 2, "nowhere/r16: no prepared images"),
        (["--images", "good.npy", "--to", "good.npy/x"], 2, "--to: "),
    ],
)
def test_what_cannot_be_is_one_line(
    command: Run, digits_only: Given, here: Path, words: list[str], code: int, told: str
) -> None:
    np.save("good.npy", digits_only.fresh[:4])
    np.save("other.npy", digits_only.fresh[:4].repeat(3, axis=3))
    np.save("large.npy", np.zeros((2, 32, 32, 1), np.uint8))
    np.save("many.npy", np.zeros((8193, 16, 16, 1), np.uint8))
    Path("text.npy").write_text("no array")
    before = sorted(here.rglob("*"))
    found, out, err = command("neighbours", "--data", str(digits_only.data), *words)
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert told in err
    assert sorted(here.rglob("*")) == before


@pytest.fixture(scope="module")
def digits_only(tmp_path_factory: pytest.TempPathFactory) -> Given:
    folder = tmp_path_factory.mktemp("digits")
    found = digits(folder)[:60]
    return Given(prepared(folder, found, Split(0, 0)), np.stack([i for i, *_ in found]), (0, 0))


def test_damage_of_what_is_held_out_is_told(command: Run, here: Path) -> None:
    data = prepared(here / "data", digits(here), Split(0.3, 0))
    file = data / HELD_OUT / "r16/00000.npy"
    held = bytearray(file.read_bytes())
    held[-1] ^= 1
    file.write_bytes(held)
    np.save("drawn.npy", np.zeros((3, SIDE, SIDE, 1), np.uint8))
    code, _, err = command("neighbours", "--images", "drawn.npy", "--data", str(data))
    assert code == IntegrityError.exit_code
    assert f"{file}: not what was written" in err
    assert err.count("\n") == 1
