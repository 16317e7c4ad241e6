"""init: first weights of every layer, fixed latents for previews; the last check before hours."""

from collections.abc import Sequence

import torch

from pgpipe import rng
from pgpipe.config import Section, read_params
from pgpipe.data.feeding.multires import read_captions, read_manifest
from pgpipe.errors import UsageError
from pgpipe.estimate import allowed
from pgpipe.gan import latents, started, text, weights
from pgpipe.gan.config import (
    ModelSection,
    NetworkSpec,
    SampleSection,
    TrainSection,
)
from pgpipe.gan.schedule import GrowthSection
from pgpipe.gan.started import Started
from pgpipe.metrics.config import ScoreSection
from pgpipe.plumbing import sealed, startfile, tensors
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.plumbing.layout import PREVIEW_LABELS, PREVIEW_LATENTS, STATE, STATE_FORMAT
from pgpipe.plumbing.terminal import note
from stages.paths import LAYERS, MULTIRES, SOURCES, START, model

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
    labels, captions = manifest["labels"], manifest.get("captions", 0)
    data = allowed.Data(manifest["count"], len(labels), sealed.has(SOURCES), captions)
    allowed.require(allowed.asked(params.sample, params.score, params.train), data)
    spec = NetworkSpec.of(
        params.model, params.train, manifest["channels"], len(labels), data.stacked, captions
    )
    found = start_of(params, spec, labels)
    fresh_folder(LAYERS)
    for key, phase in params.growth.phases.items():
        before = None if phase.origin == "init" else params.growth.phases[phase.origin].res
        layers = weights.initial(spec, phase.res, params.train.seed, before)
        if found:
            layers = started.first_weights(found, layers, spec, phase.res, labels)
        facts = {"trained": found.networks} if found else {}
        tensors.save(LAYERS / f"{key}.safetensors", layers, facts)
    sealed.seal(LAYERS)
    z = latents.draw(spec, PREVIEWS, rng.key(params.train.seed, "preview", 0))
    drawn_for = torch.arange(PREVIEWS) % max(1, spec.classes)
    if spec.captions:
        texts, _ = text.distinct(read_captions(MULTIRES))
        drawn_for = text.encode([texts[n * len(texts) // PREVIEWS] for n in range(PREVIEWS)])
    previews = {PREVIEW_LATENTS: z, PREVIEW_LABELS: drawn_for}
    about = {
        "format": STATE_FORMAT,
        "images_seen": 0,
        "spec": spec.model_dump(),
        "progress": {"rows": []},
    }
    tensors.save(fresh_folder(model("init")) / STATE, previews, about)
    sealed.seal(model("init"))


def start_of(params: Params, spec: NetworkSpec, labels: Sequence[str]) -> Started | None:
    """Return the networks that `model.start` names, and say what of them is taken.

    Raises:
        UsageError: they do not fit, or are others than `find` has seen.
    """
    if not params.model.start:
        return None
    file = startfile.file_of(params.model.start)
    if sha256_file(file) != startfile.seen(START):
        raise UsageError(f"{file}: was changed since `find` looked at it; run the same again")
    found, sizes = started.read(file), [phase.res for phase in params.growth.phases.values()]
    started.require_fit(found, spec, sizes)
    note(f"init: {started.told(found, spec, max(sizes), labels)}")
    return found
