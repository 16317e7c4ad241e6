"""The estimate of memory against the peak of real processes."""

from typing import Any

import pytest
import torch
from imagesets import noise, stream
from specs import CODER, MLP, MODEL
from tinyparams import phase, phases, with_values
from training_memory import two_steps

from benchmarks.process import measured
from pgpipe.estimate import memory
from pgpipe.metrics.bootstrap import REPLICATES
from pgpipe.metrics.swd import distances
from stages import check

SMALL: dict[str, Any] = {"fmap_base": 512, "fmap_max": 64}
FIRST: dict[str, Any] = {  # as the preset gan-2014
    **MLP,
    "fmap_base": 2400,
    "fmap_max": 1200,
    "discriminator_divisor": 5,
}
JOINT = {"label_conditioning": "joint", "loss": "non-saturating"}
JUDGED = {**SMALL, "name": "vae-gan", "latent_norm": "none"}
TOLERANCE = 0.15
faults = pytest.mark.faults


@pytest.mark.parametrize(
    ("resolution", "model", "train"),
    [
        (64, SMALL, {"loss": "wgan-gp"}),
        pytest.param(64, SMALL | {"fused_downsampling": True}, {"loss": "wgan-gp"}, marks=faults),
        pytest.param(32, SMALL, {"loss": "relativistic", "minibatch": 64}, marks=faults),
        pytest.param(64, SMALL, {"loss": "r1"}, marks=faults),
        pytest.param(64, SMALL, {"loss": "hinge", "minibatch": 32}, marks=faults),
        pytest.param(64, SMALL, {"loss": "wgan-gp", "precision": "bf16"}, marks=faults),
        pytest.param(64, SMALL, {"loss": "wgan-gp", "updates": "simultaneous"}, marks=faults),
        pytest.param(
            64, SMALL | {"discriminator_norm": "layer"}, {"loss": "wgan-gp"}, marks=faults
        ),
        pytest.param(64, SMALL | {"classes": 10, "conditioning": "joint"}, JOINT, marks=faults),
        pytest.param(32, FIRST, {"minibatch_stddev": False, "optimiser": "sgd"}, marks=faults),
        pytest.param(16, {"fmap_base": 2048, "fmap_max": 512}, {"loss": "wgan-gp"}, marks=faults),
        pytest.param(128, {"fmap_base": 2048, "fmap_max": 256}, {"minibatch": 4}, marks=faults),
        pytest.param(64, SMALL | CODER, {"minibatch_stddev": False}, marks=faults),
        pytest.param(64, JUDGED, {"loss": "wgan-gp"}, marks=faults),
        pytest.param(64, JUDGED, {"loss": "hinge", "minibatch": 32}, marks=faults),
    ],
)
def test_training_takes_what_was_estimated(
    resolution: int, model: dict[str, Any], train: dict[str, Any]
) -> None:
    train = {"minibatch": 16, **train}
    peak = measured(two_steps, resolution, model, train).peak
    values = {f"model__{k}": v for k, v in {**MODEL, **model}.items() if k in MODEL}
    values |= {f"train__{k}": v for k, v in {"label_conditioning": False, **train}.items()}
    values |= phases(**{f"r{resolution}": phase(resolution, "init", fade=0)})
    values |= {"dataset__resolution": 128}
    plan = check.plan_of(check.check(with_values(**values), "params.yaml"))
    estimated = memory.training(plan, plan.growth.phases[f"r{resolution}"]) - memory.TRACKING
    assert estimated == pytest.approx(peak, rel=TOLERANCE)


def score(images: int, resolution: int) -> None:
    """The metric that takes most."""
    torch.set_num_threads(1)
    a, b = (stream(noise(images, resolution, seed)) for seed in (0, 1))
    distances(a, b, 0, torch.device("cpu"), replicates=REPLICATES)


def test_scoring_takes_what_was_estimated() -> None:
    peak = measured(score, 512, 32).peak
    values = {"score__swd_images": 512, "score__ms_ssim_pairs": 10}
    plan = check.plan_of(check.check(with_values(**values), "params.yaml"))
    assert memory.scoring(plan) == pytest.approx(peak, rel=TOLERANCE)
