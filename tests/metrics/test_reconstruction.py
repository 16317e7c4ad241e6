"""Scores of reconstructions: the error by numpy, distances as of generated images."""

import numpy as np
import pytest
import torch
from tinyparams import score_numbers

from pgpipe.metrics import protocol, reconstruction, scores, swd

CPU = torch.device("cpu")


def test_error_is_of_the_originals_and_distances_are_those_of_generated_images() -> None:
    draw = np.random.default_rng(0)
    reals, found = draw.integers(0, 256, (2, 70, 16, 16, 3), dtype=np.uint8)
    numbers = score_numbers(swd_images=70, ms_ssim_pairs=4)
    originals, others = reals[:66], reals[::-1].copy()  # of two batches
    scored = scores.of_reconstructions(originals, found, others, numbers, CPU)
    expected = np.sqrt(np.mean((originals.astype(float) - found[:66]) ** 2))
    assert scored["reconstruction_error"] == pytest.approx(expected, rel=1e-12)
    distances = swd.scores(found, others, numbers, CPU)
    assert {k: v for k, v in scored.items() if k != "reconstruction_error"} == {
        f"reconstruction_{name}": value for name, value in distances.items()
    }


def test_reals_stand_for_themselves_and_the_protocol_is_that_of_the_samples() -> None:
    own = {"swd_32": 9.0, "swd_avg": 8.0, "ms_ssim": 0.2}
    of_reals = reconstruction.of_reals(own)
    assert of_reals == {
        "reconstruction_error": 0.0, "reconstruction_swd_32": 9.0, "reconstruction_swd_avg": 8.0,
    }  # fmt: skip
    found = {"swd_avg": 20.0, "reconstruction_swd_avg": 12.0, "reconstruction_error": 30.0}
    both = scores.beside(found, own | of_reals)
    assert both["reconstruction_swd_avg_floor"] == 8.0
    assert both["reconstruction_error_floor"] == 0.0
    numbers = score_numbers()
    alone = protocol.fingerprint({"swd_avg": 20.0}, numbers, 32)
    assert protocol.fingerprint(found, numbers, 32) == alone
