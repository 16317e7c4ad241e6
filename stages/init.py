"""init: first weights of every layer, fixed latents for previews; the last check before hours."""

import torch

from pgpipe import rng
from pgpipe.config import Section, read_params
from pgpipe.data.feeding.multires import read_manifest
from pgpipe.estimate import allowed
from pgpipe.gan import weights
from pgpipe.gan.config import (
    ModelSection,
    NetworkSpec,
    SampleSection,
    TrainSection,
)
from pgpipe.gan.schedule import GrowthSection
from pgpipe.metrics.config import ScoreSection
from pgpipe.plumbing import sealed, tensors
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.layout import PREVIEW_LABELS, PREVIEW_LATENTS, STATE, STATE_FORMAT
from stages.paths import LAYERS, MULTIRES, SOURCES, model

PREVIEWS = 64


class Params(Section):
    """The parameters that the stage reads."""

    model: ModelSection
    growth: GrowthSection
    train: TrainSection
    sample: SampleSection
    score: ScoreSection


def run() -> None:
    """Write models/layers and models/init."""
    params = read_params(Params)
    manifest = read_manifest(MULTIRES)
    data = allowed.Data(manifest["count"], len(manifest["labels"]), sealed.has(SOURCES))
    allowed.require(allowed.asked(params.sample, params.score, params.train), data)
    spec = NetworkSpec.of(
        params.model, params.train, manifest["channels"], len(manifest["labels"]), data.stacked
    )
    fresh_folder(LAYERS)
    for key, phase in params.growth.phases.items():
        before = None if phase.origin == "init" else params.growth.phases[phase.origin].res
        layers = weights.initial(spec, phase.res, params.train.seed, before)
        tensors.save(LAYERS / f"{key}.safetensors", layers, {})
    sealed.seal(LAYERS)
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
    sealed.seal(model("init"))
