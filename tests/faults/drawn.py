"""Whole params.yaml, drawn from the schema itself: every section, every switch, tiny sizes.

A parameter without a row in `SIZES` is drawn from all that the schema allows, so that a new one is
drawn as soon as it is there. Only what would take long, or would rarely fit what was drawn before,
is narrowed; what still does not fit is for `check` to refuse.
"""

import math
from collections.abc import Callable
from random import Random
from typing import Any, Literal, get_args, get_origin

from schema import choices, fields

from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.schedule import Shape
from pgpipe.gan.systems import SYSTEMS

SHAPES = get_args(Shape)
Document = dict[str, dict[str, Any]]
Values = Callable[[Random], Any]  # that a parameter may have


def few(*values: Any) -> Values:
    """One of some values."""
    return lambda random: random.choice(values)


def whole(least: int, most: int) -> Values:
    """Whole numbers, the bounds among them."""
    return lambda random: random.choice([least, most, *(random.randint(least, most),) * 2])


def real(least: float, most: float) -> Values:
    """Numbers of every magnitude between two bounds, the bounds and 1 among them."""
    low, high = math.log10(least or most * 1e-12), math.log10(most)

    def draw(random: Random) -> float:
        between = 10 ** random.uniform(low, high)
        chosen = random.choice([least, most, 1.0, *(between,) * 4])
        return float(min(max(chosen, least), most))

    return draw


def allowed(annotation: Any, rules: Any = ()) -> Values:
    """All that the schema allows."""
    options: list[Values] = []
    for kind, known in choices(annotation, rules):
        bounds = {
            name: getattr(r, name) for r in known for name in ("ge", "le") if hasattr(r, name)
        }
        if get_origin(kind) is Literal:
            options.append(few(*get_args(kind)))
        elif kind is bool:
            options.append(few(True, False))
        elif kind in (int, float):
            options.append((whole if kind is int else real)(bounds["ge"], bounds["le"]))
        else:
            assert kind is type(None), f"nothing here draws {kind}: it needs a row in SIZES"
    return lambda random: random.choice(options)(random)


SIZES: dict[str, Values] = {
    "dataset.name": few("photos", "folder", "folder", "folder", "digits-1k"),
    "dataset.path": few("classes", "twins", "flat"),  # see pipelines.write_images
    "dataset.labels": few("source", "source", "none", "labels.csv"),
    "dataset.captions": few("source", "source", "none", "captions.csv"),
    "dataset.classes": few([], [], ["a"], ["a", "b"]),
    "dataset.list": few("", "", "names.txt"),
    "dataset.boxes": few("boxes.csv"),
    "dataset.images": few(0, 0, 12, 15),
    "dataset.resolution": few(16, 32, 64),
    "dataset.lanczos_resolution": few(0, 0, 64),
    "dataset.crop": few("center", "pad", "box"),
    "dataset.background": few("#ffffff", "#102030"),
    "dataset.border": few("#000000", "#a0b0c0"),
    "dataset.images_per_class": few(2, 4),
    "dataset.stacks": few(12, 40),
    "model.fmap_base": whole(4, 64),
    "model.fmap_max": whole(1, 8),
    "model.discriminator_divisor": whole(1, 4),
    "model.latent_size": whole(1, 9),
    "model.minibatch_discrimination": few(0, 0, 1, 3),
    "model.start": few("", None),
    "train.minibatch": whole(1, 12),
    "train.minibatch_per_device": few(0, 0, 1, 2, 3, 4),
    "train.learning_rate": real(1e-12, 0.05),  # more diverges, by right: exit 6
    "train.adam_beta1": few(0.0, 0.5, 0.9),
    "train.adam_beta2": few(0.0, 0.9, 0.99, 0.999999),
    "train.discriminator_steps": few(1, 1, 2, 3),
    "train.minibatch_stddev": few(True, True, False, 2, 3, 4, 8),
    "train.device": few("auto", "cpu"),
    "train.threads": few(0, 1, 2),
    "train.tick_kimg": few(0.001, 0.008, 1.0),
    "train.quick_images": few("auto", 0, 2, 4),
    "train.quick_inception_images": few(0),
    "train.select": few("last", "last", "best:swd_avg", "best:ms_ssim"),
    "sample.images": few("auto", "auto", 24, 40),
    "sample.minibatch": few(1, 2, 7, 64),
    "reference.classifier_kimg": few(0.001, 0.1),
    "score.swd_images": few("auto", "auto", 2, 6),
    "score.ms_ssim_pairs": few("auto", "auto", 1, 3),
    "score.classifier_splits": few("auto", 1, 2),
    "score.mode_samples": few("auto", 1, 12),
    "score.mode_evaluations": few(1, 2),
    "score.inception": few(False),  # its network is a file of 96 MB
    "tracking.enabled": few(False),
    "tracking.experiment": few("drawn"),
}
ALL = {
    path: SIZES.get(path) or allowed(field.annotation, field.metadata)
    for path, field in fields()
    if path not in ("growth.final", "growth.phases.rN.from")
}
SECTIONS = ("dataset", "model", "train", "sample", "reference", "score", "tracking")
OWN = ("minibatch", "learning_rate", "ema_half_life_kimg")  # that a phase may state
FLAT = {"dcgan": 8, "mlp": 4}  # systems that do not grow, and their smallest images
MADE = {
    "path": "data/own",
    "crop": "center",
    "labels": "source",
    "captions": "source",
    "list": "",
    "classes": [],
    "images": 0,
    "lanczos_resolution": 0,
}


def document(random: Random, sets: int) -> Document:
    """A whole document, which `check` mostly accepts, on one of so many data sets."""
    of_data = Random(f"dataset {random.randrange(sets)}")
    drawn: Document = {section: {} for section in SECTIONS}
    for path, values in ALL.items():
        section, _, key = path.partition(".")
        if section in drawn:
            drawn[section][key] = values(of_data if section == "dataset" else random)
    model, train = drawn["model"], drawn["train"]
    fit_images(drawn["dataset"])
    system = SYSTEMS[model["name"]]
    too_small = drawn["dataset"]["resolution"] < (system.final or 0)
    if too_small or model["latent_size"] < system.least_latent:
        model["name"] = "pggan"
    model |= SYSTEMS[model["name"]].decided
    train |= SYSTEMS[model["name"]].decided_of_train
    if model["generator_norm"] != "pixel":
        model["first_layer"] = "plain"
    growth = grown(random, drawn["dataset"]["resolution"], model["name"])
    fit_labels(model, train, drawn["dataset"]["captions"] == "captions.csv")
    fit_training(model, train, growth)
    return {**drawn, "growth": growth}


def grown(random: Random, top: int, name: str) -> dict[str, Any]:
    """A section `growth`: any first resolution, forks, phases beside the final chain."""
    system = SYSTEMS[name]
    if system.chain:
        kimg = {"fade_kimg": 0.0, "stable_kimg": 0.008}
        phases = {
            f"r{size}": {"res": size, "from": system.origins(size)[0], **kimg}
            for size in system.chain
        }
        return {"final": [*phases][-1], "fade": random.choice(SHAPES), "phases": phases}
    sizes = [size for size in (4, 8, 16, 32) if FLAT.get(name, 4) <= size <= top]
    found: dict[str, Any] = {}
    for size in sizes[random.randrange(len(sizes)) :]:
        grows = name not in FLAT and f"r{size // 2}" in found and random.random() < 0.8
        kimg = {key: random.choice([0.0, 0.004, 0.008]) for key in ("fade_kimg", "stable_kimg")}
        kimg |= {} if grows else {"fade_kimg": 0.0}
        kimg |= {} if any(kimg.values()) else {"stable_kimg": 0.004}
        own = {key: ALL[f"train.{key}"](random) for key in OWN if random.random() < 0.3}
        own |= {"fade_shape": random.choice(SHAPES)} if random.random() < 0.3 else {}
        origin = f"r{size // 2}" if grows else "init"
        found[f"r{size}"] = {"res": size, "from": origin, **kimg, **own}
    scored = [key for key, phase in found.items() if phase["res"] >= 16]
    final = scored[-1] if name == "weak" else random.choice(scored)
    return {"final": final, "fade": random.choice(SHAPES), "phases": found}


def fit_images(dataset: dict[str, Any]) -> None:
    """Let the section `dataset` fit itself."""
    if dataset["name"] != "folder":
        dataset |= MADE
    if dataset["name"] == "digits-1k":
        dataset |= {"resolution": 32, "color": "rgb"}
    if dataset["labels"] == "none":
        dataset["classes"] = []
    if dataset["crop"] != "box":
        dataset["boxes"] = ""
    if dataset["crop"] == "pad":
        dataset["lanczos_resolution"] = 0


def fit_labels(model: dict[str, Any], train: dict[str, Any], captioned: bool) -> None:
    """Let labels, or captions, be judged in a form that loss and networks have."""
    joint = LOSSES[train["loss"]].joint and SYSTEMS[model["name"]].joint
    if train["label_conditioning"] == "joint" and not joint:
        train["label_conditioning"] = "projection"
    if train["label_conditioning"] == "acgan" and captioned:
        train["label_conditioning"] = "matching"


def fit_training(model: dict[str, Any], train: dict[str, Any], growth: dict[str, Any]) -> None:
    """Let minibatches have whole groups, and the section `train` fit itself and the growth."""
    train["full_resolution"] = growth["phases"][growth["final"]]["res"]
    if train["updates"] == "simultaneous":
        train["discriminator_steps"] = 1
    if train["select"] != "last":
        train["quick_images"] = train["quick_images"] or "auto"
    group = train["minibatch_stddev"]
    together = model["minibatch_discrimination"] or "batch" in model.values()
    for section in (train, *growth["phases"].values()):
        if train["optimiser"] == "sgd" and "learning_rate" in section:  # else steep losses diverge
            section["learning_rate"] = min(section["learning_rate"], 1e-9)
        if "minibatch" in section:
            minibatch = max(2 if together else 1, section["minibatch"])
            whole_groups = group is not True and group and minibatch > group
            section["minibatch"] = minibatch - (minibatch % group if whole_groups else 0)
    if together or group is True or train["minibatch_per_device"] < group:
        train["minibatch_per_device"] = 0
