"""init: first weights of every layer, fixed latents for previews; the last check before hours."""

import torch

from pgpipe import rng, tensors
from pgpipe.config import Section, read_params
from pgpipe.data.multires import read_manifest
from pgpipe.errors import UsageError
from pgpipe.files import fresh_folder
from pgpipe.layout import PREVIEW_LABELS, PREVIEW_LATENTS, STATE, STATE_FORMAT
from pgpipe.metrics.config import ScoreSection
from pgpipe.nets import weights
from pgpipe.nets.config import ModelSection, NetworkSpec
from pgpipe.schedule import GrowthSection
from pgpipe.training.config import TrainSection
from stages.paths import LAYERS, MULTIRES, model

PREVIEWS = 64


class Params(Section):
    """What it reads."""

    model: ModelSection
    growth: GrowthSection
    train: TrainSection
    score: ScoreSection


def run() -> None:
    """Write models/layers and models/init."""
    params = read_params(Params)
    manifest = read_manifest(MULTIRES)
    require_images(manifest["count"], params.score)
    spec = network_spec(params, manifest["channels"], len(manifest["labels"]))
    fresh_folder(LAYERS)
    for key, phase in params.growth.phases.items():
        before = None if phase.origin == "init" else phase.res // 2
        layers = weights.initial(spec, phase.res, params.train.seed, before)
        tensors.save(LAYERS / f"{key}.safetensors", layers, {})
    latents = rng.normal((PREVIEWS, spec.latent_size), rng.key(params.train.seed, "preview", 0))
    labels = torch.arange(PREVIEWS) % max(1, spec.classes)
    start = {PREVIEW_LATENTS: latents, PREVIEW_LABELS: labels}
    facts = {
        "format": STATE_FORMAT,
        "images_seen": 0,
        "spec": spec.model_dump(),
        "progress": {"rows": []},
    }
    tensors.save(fresh_folder(model("init")) / STATE, start, facts)


def network_spec(params: Params, channels: int, classes: int) -> NetworkSpec:
    """The networks for images with so many channels and classes."""
    if params.train.label_conditioning and not classes:
        raise UsageError(
            "params.yaml: train.label_conditioning: the data set has no labels "
            "(subfolders of images make them)"
        )
    return NetworkSpec(
        **params.model.model_dump(),
        channels=channels,
        classes=classes if params.train.label_conditioning else 0,
        minibatch_stddev=params.train.minibatch_stddev,
    )


def require_images(count: int, score: ScoreSection) -> None:
    """Scores need reals, and as many again for their floor."""
    if count < 2 * score.images:
        raise UsageError(
            f"too few images: {count} prepared, {2 * score.images} needed (twice what score "
            f"compares); lower score.swd_images to {count // 2} and score.ms_ssim_pairs to "
            f"{count // 4}, or add images"
        )
    if count < score.inception_reals:
        raise UsageError(
            f"too few images: {count} prepared, {score.inception_reals} needed for "
            f"score.inception; lower score.inception_images to {count} and score.fid_images to "
            f"{count // 2}, or add images"
        )
