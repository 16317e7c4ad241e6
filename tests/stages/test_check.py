"""The rules that no section can see alone, and the stage that applies them before all others."""

from pathlib import Path
from typing import Any

import pytest
from tinyparams import ROOT, phase, phases, refusal, with_values

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.estimate import rates
from stages import check as stage
from stages.listeners import later, title
from stages.paths import CHECKED, WRITTEN


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "tests/params.yaml").read_text())
    (tmp_path / ".dvc").mkdir()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The sections with one another


def test_no_phase_is_larger_than_the_prepared_images() -> None:
    message = refusal(dataset__resolution=16)
    assert message == "params.yaml: growth.phases.r32.res: 32 is not <= dataset.resolution (16)"


@pytest.mark.parametrize(
    ("swd_images", "pairs", "needed"), [(300, 10, 300), (10, 300, 600), (300, 300, 600)]
)
def test_as_many_images_are_sampled_as_the_scores_need(
    swd_images: int, pairs: int, needed: int
) -> None:
    scores = {"score__swd_images": swd_images, "score__ms_ssim_pairs": pairs}
    stage.check(with_values(sample__images=needed, **scores), "params.yaml")
    message = refusal(sample__images=needed - 1, **scores)
    assert message.startswith(f"params.yaml: sample.images: {needed - 1} is not >= {needed}, ")
    assert "score.swd_images, twice score.ms_ssim_pairs" in message


def test_no_score_exists_below_16_pixels() -> None:
    message = refusal(growth__final="r8")
    assert message == "params.yaml: growth.final: r8 is below 16 pixels: no scores"


@pytest.mark.parametrize(("minibatch", "good"), [(4, True), (2, True), (8, True), (6, False)])
def test_minibatch_of_a_phase_is_of_whole_groups(minibatch: int, good: bool) -> None:
    values = {"train__minibatch_stddev": 4, "growth__phases__r8__minibatch": minibatch}
    if good:
        stage.check(with_values(**values), "params.yaml")
    else:
        message = refusal(**values)
        assert message.startswith("params.yaml: growth.phases.r8")
        assert "minibatch 6 is no multiple of minibatch_stddev 4" in message


def test_minibatch_of_training_is_of_whole_groups() -> None:
    assert refusal(train__minibatch_stddev=3) == (
        "params.yaml: train: minibatch 8 is no multiple of minibatch_stddev 3"
    )


def test_every_part_of_the_classifiers_score_has_images() -> None:
    """More parts than images make parts without images, whose score is not a number."""
    assert "classifier_splits: 5000" in refusal(score__classifier_splits=5000)


def test_photographs_are_not_enlarged() -> None:
    """stages.prepare refuses this too, but after DVC has removed the prepared images."""
    assert "resolution: 512 is not <= 256" in refusal(dataset__resolution=512)


def test_folder_of_large_images_may_be_prepared_large() -> None:
    stage.check(with_values(dataset__name="folder", dataset__resolution=512), "params.yaml")


# The Inception network


@pytest.mark.parametrize(("inception_images", "fid_images"), [(999, 1000), (1000, 999)])
def test_as_many_images_are_sampled_as_the_inception_scores_need(
    inception_images: int, fid_images: int
) -> None:
    values = {
        "score__swd_images": 2,
        "score__ms_ssim_pairs": 1,
        "score__classifier_splits": 1,
        "score__inception_images": inception_images,
        "score__fid_images": fid_images,
    }
    stage.check(with_values(sample__images=16, **values), "params.yaml")
    stage.check(with_values(sample__images=1000, score__inception=True, **values), "params.yaml")
    assert refusal(sample__images=999, score__inception=True, **values) == (
        "params.yaml: sample.images: 999 is not >= 1000, which score needs "
        "(score.inception_images, score.fid_images); set it to 1000 or auto"
    )


def test_every_split_of_the_inception_score_has_images() -> None:
    values = {"score__inception_images": 9, "score__inception_splits": 10}
    stage.check(with_values(**values), "params.yaml")
    assert refusal(score__inception=True, **values) == (
        "params.yaml: score.inception_splits: 10 is not <= 9 (score.inception_images); set it to 9 "
        "or auto"
    )


def test_precision_needs_four_images() -> None:
    assert refusal(score__fid_images=3) == (
        "params.yaml: score.fid_images: 3 is neither auto nor a number from 4 to 16777216"
    )


# Where the user's files are


@pytest.mark.parametrize(
    ("path", "place"),
    [
        *((".", "data/checked"), ("..", "data/checked"), ("/", "data/checked")),
        *(("data", "data/checked"), ("data/raw", "data/raw"), ("data/raw/x.zip", "data/raw")),
        *(("models", "models"), ("models/r4", "models"), ("reports", "reports/metrics.json")),
        *(("reports/figures", "reports/figures"), (".dvc/cache", ".dvc"), (".pgpipe", ".pgpipe")),
        *(("data/../samples", "samples"), ("link", "reference"), (".git", ".git")),
    ],
)
def test_the_users_files_are_apart_from_what_the_pipeline_writes(
    project: Path, path: str, place: str
) -> None:
    (project / "link").symlink_to("reference")
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("path: data/own", f"path: {path}"))
    with pytest.raises(UsageError) as caught:
        stage.run()
    assert str(caught.value).startswith(
        f"params.yaml: dataset.path: {path}: overlaps {place}, which the pipeline writes; "
    )


@pytest.mark.parametrize("path", ["data/own", "data/celeba", "reports/benchmarks", "../own"])
def test_a_folder_beside_it_will_do(project: Path, path: str) -> None:
    stage.require_apart(stage.check(with_values(dataset__path=path), "p").dataset)


def test_everything_that_a_stage_writes_is_known() -> None:
    stages = load_yaml(ROOT / "dvc.yaml")["stages"].values()
    outs = [out for entry in stages for out in entry.get("do", entry).get("outs", [])]
    for out in [*outs, "reports/metrics.json"]:
        path = Path("".join(out).replace("${key}", "r4"))  # or a mapping of one name
        assert any(path.is_relative_to(known) for known in WRITTEN), out


def test_a_name_of_a_file_has_no_nul() -> None:
    for key, name in ("path", "a"), ("boxes", "a.csv"), ("list", "a.txt"):
        assert "has a NUL" in refusal(**{f"dataset__{key}": f"\0{name}", "dataset__crop": "box"})


# Products of numbers


def test_ticks_are_few_enough() -> None:
    message = refusal(growth__phases__r32__stable_kimg=1e6)
    assert message == (
        "params.yaml: train.tick_kimg: 1.0 makes 1000023 ticks of all phases, which is not <= "
        "100000; make it larger"
    )
    stage.check(with_values(growth__phases__r32__stable_kimg=1e6, train__tick_kimg=20.0), "p")


def test_samples_are_few_enough() -> None:
    values = {**STACKED, "dataset__stacks": 1 << 20, "score__mode_samples": 1 << 20}
    message = refusal(**{**values, "score__mode_evaluations": 1000, "sample__images": "auto"})
    assert message == (
        "params.yaml: score.mode_samples times score.mode_evaluations: 1048576000 images are not "
        "<= 16777216, as many as can be sampled"
    )


# The discrete-mode test

STACKED = {
    "dataset__name": "digits-1k",
    "dataset__resolution": 32,
    "dataset__stacks": 9000,
    "train__label_conditioning": False,
    "score__mode_samples": 9000,
    "score__mode_evaluations": 3,
    "sample__images": 27000,
}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sample__images", 26999, "sample.images: 26999 is not >= 27000, which score needs "
         "(score.mode_samples times score.mode_evaluations); set it to 27000 or auto"),
        ("dataset__stacks", 8999, "score.mode_samples: 9000 is not <= 8999 (the images of the data "
         "set); set it to 8999 or auto"),
        ("train__label_conditioning", "acgan", "train.label_conditioning: acgan is not auto or "
         "false: the discrete-mode test is about modes that a generator finds without labels"),
    ],
)  # fmt: skip
def test_modes_are_counted_in_enough_unlabelled_images(path: str, value: Any, message: str) -> None:
    stage.check(with_values(**STACKED), "params.yaml")
    assert refusal(**{**STACKED, path: value}) == f"params.yaml: {message}"


def test_other_data_sets_need_no_images_for_modes() -> None:
    stage.check(with_values(score__mode_samples=1 << 24), "params.yaml")


# How labels are judged


@pytest.mark.parametrize("loss", ["wgan-gp", "relativistic", "lsgan", "hinge"])
def test_a_joint_score_is_of_a_game_with_a_third_pair(loss: str) -> None:
    joint = {"train__label_conditioning": "joint"}
    assert refusal(**joint, train__loss=loss) == (
        "params.yaml: train: label_conditioning: joint also scores reals with wrong labels, of "
        f"which {loss} makes no game; set loss to one of minimax, non-saturating, r1"
    )
    stage.check(with_values(**joint, train__loss="r1"), "params.yaml")


def test_a_joint_score_needs_a_layer_that_compares() -> None:
    weak = {"model__name": "weak", "model__fused_downsampling": False, "train__loss": "r1"}
    assert refusal(**weak, train__label_conditioning="joint") == (
        "params.yaml: train.label_conditioning: joint needs a layer after D's 4x4 features that "
        "compares them with a label, and weak has none; set it to matching or projection"
    )
    stage.check(with_values(**weak, train__label_conditioning="projection"), "params.yaml")


# The growth


def test_any_first_resolution_will_do() -> None:
    growth = phases(r16=phase(16, "init", fade=0), r32=phase(32, "r16"))
    assert len(stage.check(with_values(**growth), "params.yaml").growth.chain()) == 2


def test_phases_beside_the_final_chain_will_do() -> None:
    params = stage.check(with_values(growth__final="r16"), "params.yaml")
    assert [key for key, _ in params.growth.chain()] == ["r4", "r8", "r16"]


def test_final_phase_exists() -> None:
    assert refusal(growth__final="r64") == (
        "params.yaml: growth: final: 'r64' is not one of r4, r8, r16, r32"
    )


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("r64", "growth: phases.r16.from: 'r64' is no phase and not init"),
        ("r4", "growth.phases.r16.from: must be init or r8 for a pggan, not r4"),
        ("r16", "growth: phases.r16.from: must be init or a phase of fewer pixels"),
        ("r32", "growth: phases.r16.from: must be init or a phase of fewer pixels"),
    ],
)
def test_phase_grows_the_one_of_half_its_resolution(origin: str, message: str) -> None:
    assert refusal(growth__phases__r16__from=origin) == f"params.yaml: {message}"


def test_key_names_the_resolution() -> None:
    assert refusal(**phases(r4=phase(4, "init", fade=0), small=phase(8, "r4"))) == (
        "params.yaml: growth.phases: small: a phase of resolution 8 is called r8"
    )


def test_phase_trains() -> None:
    message = refusal(growth__phases__r8=phase(8, "r4", fade=0, stable=0))
    assert message.startswith("params.yaml: growth.phases.r8: fade_kimg and stable_kimg are both 0")


def test_first_phase_has_nothing_to_fade_from() -> None:
    message = refusal(growth__phases__r4=phase(4, "init", fade=1))
    assert message.startswith("params.yaml: growth.phases.r4: fade_kimg must be 0")


# The stage


def test_output_is_the_same_for_all_valid_parameters(project: Path) -> None:
    stage.run()
    first = (project / CHECKED).read_bytes()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("minibatch: 8", "minibatch: 16"))
    stage.run()
    assert (project / CHECKED).read_bytes() == first


def test_scores_of_a_network_that_is_not_there_are_refused_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(project))
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("inception: false", "inception: true"))
    with pytest.raises(UsageError, match=r"not found, and score\.inception .* `pgpipe weights`"):
        stage.run()
    assert not (project / CHECKED).exists()


def test_invalid_parameters_leave_no_output(project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("minibatch: 8", "minibatch: x"))
    with pytest.raises(UsageError, match=r"^params\.yaml: train\.minibatch: 'x'"):
        stage.run()
    assert not (project / CHECKED).exists()


def test_it_says_in_one_line_what_is_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the phases that lead to the final one, and of no other."""
    stage.run()
    assert capsys.readouterr().out == (
        "params.yaml: photos, pggan, 4 phases to 32x32 pixels, 52 kimg (thousands of real images "
        "shown)\n"
    )
    file = project / "params.yaml"
    file.write_text(file.read_text().replace("final: r32", "final: r16"))
    stage.run()
    assert "3 phases to 16x16 pixels, 18 kimg" in capsys.readouterr().out
    params = stage.check(load_yaml(file), "params.yaml")
    for _, phase_of in params.growth.chain():
        rates.remember(project, rates.key_of(load_yaml(file), phase_of), 10.0)
    stage.run()
    assert capsys.readouterr().out.endswith(
        "18 kimg (thousands of real images shown), 30 min of training at the speed of before\n"
    )


def test_a_phase_s_meter_says_which_of_how_many_it_is(project: Path) -> None:
    assert title("r8") == "train@r8 (2 of 4)"
    file = project / "params.yaml"
    file.write_text(file.read_text().replace("final: r32", "final: r16"))
    assert (title("r8"), title("r32")) == ("train@r8 (2 of 3)", "train@r32")


def test_a_phase_s_meter_knows_what_follows_once_all_of_it_was_trained_here(project: Path) -> None:
    document = load_yaml(project / "params.yaml")
    chain = stage.check(document, "params.yaml").growth.chain()
    assert later("r8") is None
    for name, phase_of in chain:
        if name != "r8":
            rates.remember(project, rates.key_of(document, phase_of), 10.0)
    images = {name: phase_of.images for name, phase_of in chain}
    assert later("r8") == pytest.approx((images["r16"] + images["r32"]) / 10)
    assert later("r4") is None, "r8 was never trained"
    assert later("r32") == 0
