"""What keeps finished experiments apart: how they were scored, and on which images."""

import copy
from typing import Any

import pytest
from tinyproject import Run as Command

from pgpipe.experiments import revisions, runs
from pgpipe.experiments.revisions import Ref
from pgpipe.experiments.runs import Run, protocol
from pgpipe.studies.results import record
from pgpipe.studies.table import Experiment

LOCK: dict[str, Any] = {
    "stages": {
        name: {
            "deps": [
                {"path": "data/multires/r32", "md5": "images"},
                {"path": "pgpipe/metrics", "md5": "code"},
                {"path": "samples", "md5": "generated"},
            ],
            "params": {"params.yaml": {"score.seed": 0}},
        }
        for name in ("reference", "sample", "score")
    }
}
METRICS = {"swd_avg": 1.0, "protocol": "0123456789ab"}


def changed(dep: str) -> dict[str, Any]:
    """The lock with another hash of one dependency of scoring."""
    lock = copy.deepcopy(LOCK)
    (entry,) = [d for d in lock["stages"]["score"]["deps"] if d["path"] == dep]
    entry["md5"] = "other"
    return lock


def test_fingerprint_tells_protocols_apart() -> None:
    assert protocol(LOCK, METRICS) != protocol(LOCK, {**METRICS, "protocol": "ba9876543210"})
    assert protocol(LOCK, METRICS) != protocol(LOCK, {"swd_avg": 1.0})


def test_runs_in_two_precisions_are_not_of_one_table() -> None:
    found = {
        protocol(LOCK, {**METRICS, "train_precision": precision}) for precision in ("fp32", "bf16")
    }
    assert len(found) == 2


def test_rows_that_state_their_precisions_are_of_one_table() -> None:
    def stating(stated: str, settled: str) -> str:
        lock = copy.deepcopy(LOCK)
        lock["stages"]["machine"] = {"params": {"params.yaml": {"train.precision": stated}}}
        return protocol(lock, {**METRICS, "train_precision": settled})

    assert stating("fp32", "fp32") == stating("bf16", "bf16")
    assert stating("fp32", "fp32") != stating("auto", "fp32")
    assert stating("tf32", "tf32") != stating("tf32", "fp32")  # a GPU's, and a processor's


def test_other_images_and_parameters_are_another_protocol() -> None:
    assert protocol(LOCK, METRICS) != protocol(changed("data/multires/r32"), METRICS)
    other = copy.deepcopy(LOCK)
    other["stages"]["reference"]["params"]["params.yaml"]["score.seed"] = 1
    assert protocol(LOCK, METRICS) != protocol(other, METRICS)


def scored(**params: Any) -> dict[str, Any]:
    """The lock of a run that was scored by whole sections of these values."""
    lock = copy.deepcopy(LOCK)
    for name, read in (("reference", "score"), ("sample", "sample"), ("score", "score")):
        entry = {"score": {"swd_images": "auto", "mirror": "auto", "seed": 0} | params}
        entry = entry if read == "score" else {"sample": {"images": "auto", "seed": 1}} | entry
        lock["stages"][name]["params"]["params.yaml"] = entry
    return lock


def test_what_auto_became_decides_and_not_how_it_was_stated() -> None:
    """The fingerprint has the numbers, and whether reals were mirrored."""
    auto, stated = scored(), scored(swd_images=2048, mirror=False)
    for training in (False, True):  # mirrors or not, in an ablation that states score.mirror
        stated["stages"]["score"]["params"]["params.yaml"]["train.mirror"] = training
        assert protocol(auto, METRICS) == protocol(stated, METRICS)
    assert protocol(auto, METRICS) != protocol(scored(seed=1), METRICS)
    assert protocol(auto, METRICS) != protocol(stated, {**METRICS, "protocol": "ba9876543210"})


def test_scores_samples_and_code_that_scores_alike_are_not() -> None:
    found = protocol(LOCK, METRICS)
    assert protocol(LOCK, {**METRICS, "swd_avg": 2.0}) == found
    assert protocol(changed("samples"), METRICS) == found
    assert protocol(changed("pgpipe/metrics"), METRICS) == found


def test_record_names_the_seed_of_training_not_that_of_scoring() -> None:
    document = {"train": {"seed": 5}, "score": {"ms_ssim_pairs": 8}}
    run = Run(Ref("name", "commit", 0), document, {**METRICS, "seed": 0, "pairs": 8}, "p")
    found = record(Experiment("table1", "photos", "a", 5, document), run)
    assert (found["row"], found["seed"], found["pairs"], found["swd_avg"]) == ("a", 5, 8, 1.0)


def test_runs_are_told_by_what_they_changed_and_their_main_scores(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = {"train": {"loss": "wgan-gp", "seed": 0}}

    def run(
        name: str, time: int, scores: dict[str, float], current: bool = True, **train: Any
    ) -> Run:
        document = {"train": {**committed["train"], **train}}
        return Run(Ref(name, name, time), document, scores, "", current)

    both = {"swd_avg": 24.966, "swd_avg_floor": 11.1, "ms_ssim": 0.1498}
    made = [run("later", 2, both, False, seed=3), run("sooner", 1, {"swd_avg": 7.0}, loss="hinge")]
    monkeypatch.setattr(revisions, "require_project", lambda: None)
    monkeypatch.setattr(revisions, "read_yaml", lambda *_: committed)
    monkeypatch.setattr(runs, "finished", lambda: iter(made))
    monkeypatch.setattr(runs, "of_folder", lambda _: run("", 0, both))
    code, told, _ = command("runs")
    assert (code, [line.split() for line in told.splitlines()]) == (
        0,
        [
            ["experiment", "changed", "SWD", "MS-SSIM"],
            ["sooner", "train.loss='hinge'", "7.00"],
            ["later", "train.seed=3", "(other", "code)", "24.97", "0.1498"],
            ["(this", "folder)", "24.97", "0.1498"],
        ],
    )
    assert [line.split()[0] for line in command("runs", "-n", "1")[1].splitlines()][1:] == [
        "later",
        "(this",
    ]
    monkeypatch.setattr(runs, "finished", lambda: iter(()))
    monkeypatch.setattr(runs, "of_folder", lambda _: None)
    assert command("runs")[1].startswith("no finished experiment here")
