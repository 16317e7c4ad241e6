"""A fingerprint changes with all that keeps two scores from being compared, and with nothing else.

The sections differ from one another in one parameter each.
"""

from typing import Any

import pytest
from tinyparams import score_numbers

from pgpipe.metrics.config import Protocol
from pgpipe.metrics.protocol import facts, fingerprint
from pgpipe.metrics.table import METRICS

BASE = {"swd_32": 1.0, "swd_avg": 1.0, "ms_ssim": 0.5}
INCEPTION = {"inception_score": 2.0, "inception_score_std": 0.1, "fid": 3.0}


def of(found: dict[str, float] = BASE, resolution: int = 32, **values: Any) -> str:
    return fingerprint(found, score_numbers(**values), resolution)


def test_every_parameter_of_scoring_decides_a_score() -> None:
    decisive = {field for metric in METRICS.values() for field in metric.numbers}
    assert decisive == Protocol.model_fields.keys() - {"seed", "inception", "mirror"}


def test_is_the_same_each_time_and_short() -> None:
    assert of() == of()
    assert len(of()) == 12
    int(of(), 16)


def test_other_numbers_of_images_are_another_protocol() -> None:
    assert len({of(), of(swd_images=64), of(ms_ssim_pairs=64)}) == 3


def test_another_resolution_has_other_levels() -> None:
    assert of(resolution=64) != of()


def test_what_decides_no_score_that_is_there_does_not_count() -> None:
    assert of(fid_images=8, inception_images=9, mode_samples=10, classifier_splits=3) == of()
    assert of({**BASE, "swd_avg": 7.0}) == of()
    assert of({**BASE, **INCEPTION}, fid_images=8) != of({**BASE, **INCEPTION})


def test_another_seed_compares() -> None:
    assert of(seed=5) == of()


def test_another_version_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of()
    metric = METRICS["swd"]
    monkeypatch.setitem(METRICS, "swd", metric._replace(version=metric.version + 1))
    assert of() != before


def test_facts_state_the_numbers_of_what_was_scored() -> None:
    section = score_numbers(swd_images=8, ms_ssim_pairs=3, seed=4, inception_images=5, fid_images=6)
    stated = facts(BASE, section, 32)
    own = fingerprint(BASE, section, 32)
    assert stated == {"images": 8, "pairs": 3, "seed": 4, "protocol": own}
    more = facts({**BASE, **INCEPTION, "modes_found": 9.0}, section, 32)
    assert (more["inception_images"], more["fid_images"]) == (5, 6)
    assert {"mode_samples", "mode_evaluations"} <= more.keys()
