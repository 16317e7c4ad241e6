"""What `auto` is for a data set, and which numbers and labels it is refused for."""

import re
from typing import Any

import pytest
from tinyparams import ROOT, score_numbers, with_values

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.estimate import allowed
from pgpipe.estimate.allowed import Asked, Data
from pgpipe.gan.config import SHEET, Conditioning, SampleSection, conditioned_classes
from pgpipe.images import SHEET_COLUMNS, SHEET_ROWS
from pgpipe.metrics.config import Protocol, ScoreSection, has_floor, protocol_for
from stages import check

USERS = load_yaml(ROOT / "params.yaml")  # in which everything is auto


def asked(**values: Any) -> Asked:
    """What the user's parameters ask, but for these values of `score` and the others."""
    score = {name: values.pop(name) for name in list(values) if name in USERS["score"]}
    return Asked.model_validate(
        {
            "sample": {**USERS["sample"], "images": values.pop("samples", "auto")},
            "score": {**USERS["score"], **score},
            "train.label_conditioning": values.pop("conditioning", "auto"),
            "train.quick_images": values.pop("quick", "auto"),
        }
    )


def numbers(images: int, **values: Any) -> Protocol:
    return protocol_for(ScoreSection(**{**USERS["score"], **values}), images)


def refused(
    images: int | None, labels: int | None = 0, stacked: bool = False, **values: Any
) -> str:
    return "; ".join(allowed.refusals(asked(**values), Data(images, labels, stacked)))


# Auto


@pytest.mark.parametrize("images", [*range(12, 80), 300, 307, 4095, 4096, 5000, 10**6])
def test_auto_suits_every_number_of_images(images: int) -> None:
    for inception in (False, True):
        for stacked in (False, True):
            assert refused(images, stacked=stacked, inception=inception) == ""
    found = numbers(images, inception=True)
    assert found.swd_images == min(2048, images // 2)
    assert found.ms_ssim_pairs == min(1024, images // 4)
    assert found.fid_images == min(2048, images // 2)
    assert found.inception_images == min(2048, images)
    assert found.mode_samples == min(25600, images)
    for parts, scored in (
        (found.classifier_splits, found.images),
        (found.inception_splits, found.inception_images),
    ):
        assert 1 <= parts <= 10
        assert parts == 1 or scored // parts >= 16
    for compared in (found.images, found.fid_images):
        assert has_floor(compared, images) == (images >= 32)


def test_the_default_experiment_has_the_numbers_that_it_always_had() -> None:
    params = check.check(USERS, "params.yaml")
    data = check.data_of(params)
    assert data == Data(5000, 10, stacked=False)
    found = protocol_for(params.score, 5000, params.train.mirror)
    assert found.model_dump(exclude={"mode_samples", "mode_evaluations"}) == {
        "swd_images": 2048, "ms_ssim_pairs": 1024, "classifier_splits": 10,
        "inception": False, "inception_images": 2048, "inception_splits": 10, "fid_images": 2048,
        "mirror": False, "seed": 0,
    }  # fmt: skip
    assert params.sample.count(max(found.needs(data.stacked).values())) == 2048
    assert params.train.most_quick_images == 256
    assert conditioned_classes(params.train.label_conditioning, 10, data.stacked) == 10


def test_samples_suffice_for_every_score_and_fill_a_sheet() -> None:
    section = SampleSection(images="auto", seed=0, minibatch=1)
    for images in (12, 60, 3000):
        found = numbers(images, inception=True)
        for stacked in (False, True):
            needs = found.needs(stacked).values()
            assert section.count(max(needs)) == max(SHEET, *needs)
    assert max(found.needs(stacked=True).values()) == 30000  # ten evaluations of all stacks
    assert SHEET == SHEET_ROWS * SHEET_COLUMNS
    assert SampleSection(images=50, seed=0, minibatch=1).count(20) == 50


def test_reals_are_mirrored_as_training_does_where_nothing_else_is_said() -> None:
    for training in (False, True):
        section = ScoreSection(**USERS["score"])
        assert protocol_for(section, 60, training).mirror is training
        for stated in (False, True):
            section = ScoreSection(**{**USERS["score"], "mirror": stated})
            assert protocol_for(section, 60, training).mirror is stated


# Numbers that the data do not allow


@pytest.mark.parametrize("images", [0, 1, 5, 11])
def test_fewer_than_twelve_images_are_refused_in_any_case(images: int) -> None:
    found = "1 image is" if images == 1 else f"{images} images are"
    assert refused(images).startswith(f"{found} not >= 12")
    assert refused(images, swd_images=2, ms_ssim_pairs=1, samples=16, quick=0)


@pytest.mark.parametrize(
    ("name", "most", "more"),
    [
        ("swd_images", 30, {}),
        ("ms_ssim_pairs", 15, {}),
        ("classifier_splits", 30, {}),
        ("inception_images", 60, {"inception": True}),
        ("inception_splits", 60, {"inception": True}),
        ("fid_images", 60, {"inception": True}),
        ("quick", 30, {}),
    ],
)
def test_each_number_has_its_most_which_the_refusal_names(
    name: str, most: int, more: dict[str, Any]
) -> None:
    key = {"quick": "train.quick_images"}.get(name, f"score.{name}")
    values: dict[str, Any] = {**more, name: most}
    assert refused(60, **values) == ""
    message = refused(60, **{**values, name: most + 2})
    assert message.startswith(f"{key}: {most + 2} is not <= {most} (")
    assert message.endswith(f"set it to {most} or auto")
    assert refused(None, **{**values, name: 60000}) == "" or name.endswith("splits")


def test_numbers_that_are_named_will_do() -> None:
    values: dict[str, Any] = {"inception": True, "quick": 60000}
    names = ("swd_images", "ms_ssim_pairs", "classifier_splits", "inception_images",
             "inception_splits", "fid_images")  # fmt: skip
    values |= dict.fromkeys(names, 10**6)
    for images in (12, 13, 31, 48, 75, 83, 307):
        message = refused(images, **values)
        better = {
            name.replace("quick_images", "quick"): int(number)
            for name, number in re.findall(r"(?:score|train)\.(\w+): .*?set it to (\d+)", message)
        }
        assert better.keys() == {*names, "quick"} - {"classifier_splits", "inception_splits"}
        assert not refused(images, **{**values, **better, **dict.fromkeys(names[2::2], "auto"),
                                      "fid_images": better["fid_images"]})  # fmt: skip


def test_all_images_may_be_compared_by_fid_without_a_floor() -> None:
    found = numbers(50000, inception=True, inception_images=50000, fid_images=50000)
    assert refused(50000, inception=True, inception_images=50000, fid_images=50000) == ""
    assert not has_floor(found.fid_images, 50000)
    assert has_floor(found.images, 50000)


def test_samples_are_at_least_those_that_are_scored() -> None:
    assert refused(5000, samples=2048) == ""
    assert refused(5000, samples=2047) == (
        "sample.images: 2047 is not >= 2048, which score needs (score.swd_images, twice "
        "score.ms_ssim_pairs); set it to 2048 or auto"
    )
    assert refused(None, samples=100) == "", "nobody knows yet what auto will be"
    assert refused(None, samples=100, swd_images=101).startswith("sample.images: 100 is not >= 101")
    assert refused(60, samples=29).startswith("sample.images: 29 is not >= 30")


# Labels


@pytest.mark.parametrize(
    ("wanted", "labels", "stacked", "classes"),
    [
        ("auto", 0, False, 0),
        ("auto", 1, False, 0),
        ("auto", 2, False, 2),
        ("auto", 1000, True, 0),
        ("acgan", 3, False, 3),
        ("matching", 2, False, 2),
        ("projection", 2, False, 2),
        ("joint", 2, False, 2),
        (False, 3, False, 0),
        (False, 1000, True, 0),
    ],
)
def test_labels_are_taken_where_they_tell_images_apart(
    wanted: Conditioning, labels: int, stacked: bool, classes: int
) -> None:
    assert conditioned_classes(wanted, labels, stacked) == classes
    assert refused(60, labels, stacked, conditioning=wanted) == ""


@pytest.mark.parametrize(
    ("wanted", "labels", "stacked"),
    [(kind, few, False) for kind in ("acgan", "matching", "joint") for few in (0, 1)]
    + [("acgan", 1000, True)],
)
def test_labels_that_nothing_can_be_learnt_from_are_refused(
    wanted: Conditioning, labels: int, stacked: bool
) -> None:
    message = refused(60, labels, stacked, conditioning=wanted)
    assert message.startswith(f"train.label_conditioning: {wanted} ")
    assert "auto or false" in message


def test_labels_that_are_not_known_yet_are_not_refused() -> None:
    assert refused(60, None, conditioning="acgan") == ""


# In `check`, before there are data


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset__images_per_class": 1}, "10 images are not >= 12"),
        ({"dataset__images_per_class": 6}, "score.swd_images: 2048 is not <= 30"),
        ({"dataset__name": "folder", "dataset__images": 60}, "score.swd_images: 2048 is not <= 30"),
        ({"dataset__name": "cifar10", "score__swd_images": 25001, "sample__images": 25001},
         "score.swd_images: 25001 is not <= 25000"),
        ({"dataset__name": "stl10-unlabelled"}, "train.label_conditioning: acgan"),
        ({"dataset__name": "folder", "dataset__labels": "none"}, "train.label_conditioning: acgan"),
        ({"dataset__name": "cifar10", "dataset__classes": ["cat"]},
         "train.label_conditioning: acgan has no use for one label"),
    ],
)  # fmt: skip
def test_what_is_known_beforehand_is_refused_beforehand(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=f"^params.yaml: {re.escape(message)}"):
        check.check(with_values(**values), "params.yaml")
    better = with_values(**values)
    better |= {"score": USERS["score"], "sample": USERS["sample"]}
    better["train"] |= {"label_conditioning": "auto", "quick_images": "auto"}
    better["dataset"]["images_per_class"] += 1  # 10 images are too few for anything
    check.check(better, "params.yaml")


@pytest.mark.parametrize("value", [0, 1, -3, 2.5, "many", True, None, [], "Auto"])
def test_what_is_neither_auto_nor_a_number_is_one_line(value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        check.check(with_values(score__swd_images=value), "params.yaml")
    message = str(caught.value)
    assert message.startswith("params.yaml: score.swd_images: ")
    assert message.endswith("is neither auto nor a number from 2 to 16777216")


def test_tests_state_their_numbers() -> None:
    assert score_numbers(images=60) == score_numbers(images=10**6)
