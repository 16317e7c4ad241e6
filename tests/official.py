"""The figures of Karras et al. 2018 and of its two official codes, whom presets are held to.

Written from the paper's tables and appendices and from the codes' configurations, never from a
preset. `EXPERIMENTS` gives for each combination of presets every setting that these sources fix, by
its path in params.yaml; what a phase may state of its own is given for each resolution, as in
"minibatch@4". Theano is the code of the paper's tables, TensorFlow the later one.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

Settings = dict[str, Any]

# Parameter counts (appendix A, tables 2 and 3): with every toRGB and fromRGB, and printed alone
COUNTS = {"generator": 23_079_115, "discriminator": 23_087_249}  # all of 1024x1024
ALONE = {"generator": 23_071_507, "discriminator": 23_077_137}  # with the 1024x1024 one alone
CIFAR10_MILLIONS = {"generator": 1.297, "discriminator": 1.299}
CIFAR10_LARGE_MILLIONS = {"generator": 20.7, "discriminator": 20.7}

IMAGES = {"celeba-hq": 30_000, "cifar10": 50_000, "mnist-1k": 1_000_000}


def resolutions(final: int, first: int = 4) -> list[int]:
    return [1 << s for s in range(first.bit_length() - 1, final.bit_length())]


def maps(resolution: int, fmap_base: int, fmap_max: int) -> int:
    """nf(s) = min(fmap_base / 2^s, fmap_max), s = log2(resolution) - 1 (appendix A.1)."""
    return int(min(fmap_base / 2 ** (math.log2(resolution) - 1), fmap_max))


def count_generator(final: int, base: int, most: int, latent: int) -> int:
    """Weights and biases of a generator without normalisation's own: appendix A, table 2."""
    count = latent * maps(4, base, most) * 16 + maps(4, base, most)
    inputs = maps(4, base, most)
    for resolution in resolutions(final):
        nf = maps(resolution, base, most)
        count += 9 * inputs * nf + nf  # the only one at 4x4, the first above
        count += 9 * nf * nf + nf if resolution > 4 else 0
        count += 3 * nf + 3  # toRGB
        inputs = nf
    return count


def count_discriminator(final: int, base: int, most: int, stddev: bool) -> int:
    """Weights and biases of a discriminator without normalisation's own: appendix A, table 2."""
    count = 0
    for resolution in resolutions(final):
        nf, half = maps(resolution, base, most), maps(resolution // 2, base, most)
        count += 3 * nf + nf  # fromRGB
        if resolution > 4:
            count += 9 * nf * nf + nf + 9 * nf * half + half
        else:
            count += 9 * (nf + stddev) * nf + nf + 16 * nf * half + half + half + 1
    return count


# Schedules and what goes by resolution


def schedule(final: int, fade: float, stable: float, total: float) -> Settings:
    """From 4x4 on: fade in and stabilise each resolution, the last until the total, in kimg."""
    found: Settings = {"resolutions": resolutions(final), "kimg": total}
    for resolution in resolutions(final):
        found[f"fade_kimg@{resolution}"] = 0 if resolution == 4 else fade
        found[f"stable_kimg@{resolution}"] = stable
    others = sum(found[f"{part}_kimg@{r}"] for r in resolutions(final) for part in PARTS)
    found[f"stable_kimg@{final}"] = total - (others - stable)
    return found


PARTS = ("fade", "stable")


def alone(final: int, total: float) -> Settings:
    """One resolution from the start."""
    once = {"resolutions": [final], "kimg": total}
    return {**once, f"fade_kimg@{final}": 0, f"stable_kimg@{final}": total}


def by_resolution(name: str, base: float, others: Mapping[int, float], top: int) -> Settings:
    """Settings of every resolution; those that are not named take the base."""
    return {f"{name}@{r}": others.get(r, base) for r in resolutions(top)}


def half_life_kimg(images: int, power: float = 1.0) -> float:
    """Of an average that keeps 0.999^power over a step of G that shows so many images."""
    return images * math.log(0.5) / math.log(0.999) / power / 1000


def minibatches(base: int, others: Mapping[int, int], top: int) -> Settings:
    """By resolution, with 0.999 a step: a half-life in proportion."""
    found = by_resolution("minibatch", base, others, top)
    images = {r: found[f"minibatch@{r}"] for r in resolutions(top)}
    return {**found, **{f"ema_half_life_kimg@{r}": half_life_kimg(n) for r, n in images.items()}}


def at(settings: Settings, wanted: Iterable[int]) -> Settings:
    """Of a schedule's resolutions alone."""
    ends = {f"@{r}" for r in wanted}
    return {k: v for k, v in settings.items() if "@" not in k or k[k.index("@") :] in ends}


# The method (sections 2 to 4, appendix A): row (g) with the full network, Theano's defaults

METHOD: Settings = {
    "model.name": "pggan",
    "model.fmap_base": 8192,
    "model.fmap_max": 512,
    "model.discriminator_divisor": 1,
    "model.latent_size": 512,
    "model.latent_norm": "latent",
    "model.generator_activation": "lrelu",
    "model.generator_norm": "pixel",
    "model.first_layer": "plain",
    "model.tanh": False,
    "model.discriminator_norm": "none",
    "model.minibatch_discrimination": 0,
    "model.equalised_lr": True,
    "model.fused_downsampling": False,
    "train.adam_beta1": 0,
    "train.adam_beta2": 0.99,
    "train.adam_epsilon": 1e-8,
    "train.adam_reset": "fades",
    "train.ramp_up_kimg": 40,
    "train.discriminator_steps": 1,
    "train.updates": "alternating",
    "train.loss": "wgan-gp",
    "train.gradient_penalty": 10,
    "train.gradient_target": 1,
    "train.gradient_at": "full",
    "train.drift": 0.001,
    "train.minibatch_stddev": True,
    "train.label_conditioning": False,
    "train.select": "last",
    "train.quick_inception_images": 0,
    # Scoring (section 5; the codes' commands): 16,384 images; 10,000 pairs; drawn in sixteens
    "score.swd_images": 16_384,
    "score.ms_ssim_pairs": 10_000,
    "score.inception": False,
    "score.mirror": "auto",  # half of the reals, where training mirrors
    "sample.images": 20_000,
    "sample.minibatch": 16,
    # Data: all images, as they are published
    "dataset.color": "rgb",
    "dataset.crop": "center",
    "dataset.lanczos_resolution": 0,
    "dataset.labels": "source",
    "dataset.classes": [],
    "dataset.list": "",
    "dataset.images": 0,
    "dataset.held_out": 0,  # all images are trained on
    "dataset.boxes": "",
}


def images_of(name: str, resolution: int, mirror: bool, **others: Any) -> Settings:
    """A data set; the networks' and the penalty's resolution is its own."""
    return {
        "dataset.name": name,
        "dataset.resolution": resolution,
        "train.full_resolution": resolution,
        "train.mirror": mirror,
        **{f"dataset.{key}": value for key, value in others.items()},
    }


def rate(value: float, top: int, others: Mapping[int, float] | None = None) -> Settings:
    return by_resolution("learning_rate", value, others or {}, top)


# Table 1, at 128x128

GULRAJANI: Settings = {
    "model.fmap_base": 2048,
    "model.latent_size": 128,
    "model.latent_norm": "none",
    "model.generator_activation": "relu",
    "model.generator_norm": "batch",
    "model.tanh": True,
    "model.discriminator_norm": "layer",
    "model.equalised_lr": False,
    "train.adam_beta2": 0.9,
    "train.ramp_up_kimg": 0,
    "train.discriminator_steps": 5,
    "train.drift": 0,
    "train.minibatch_stddev": False,
}
REVISED: Settings = {
    "model.latent_size": 512,
    "model.latent_norm": "latent",
    "model.generator_activation": "lrelu",
    "model.generator_norm": "none",
    "model.tanh": False,
    "model.discriminator_norm": "none",
    "train.adam_beta2": 0.99,
    "train.discriminator_steps": 1,
    "train.drift": 0.001,
}


def steps_of(minibatch: int, d_steps: int, power: int, top: int = 128) -> Settings:
    """Minibatch, and the average's half-life by the images of a step of G."""
    half_life = half_life_kimg(minibatch * d_steps, power)
    return {
        **by_resolution("minibatch", minibatch, {}, top),
        **by_resolution("ema_half_life_kimg", half_life, {}, top),
    }


GROWN_128 = schedule(128, fade=800, stable=800, total=10_000)
ROW_A: Settings = {**METHOD, **GULRAJANI, **rate(0.0001, 128), **steps_of(64, 5, 20)}
ROW_B: Settings = {**ROW_A, **GROWN_128}
ROW_C: Settings = {**ROW_B, **steps_of(16, 5, 5)}
ROW_D: Settings = {**ROW_C, **REVISED, **steps_of(16, 1, 1)}
ROW_E: Settings = {**ROW_D, "train.minibatch_stddev": True}
ROW_F: Settings = {**ROW_E, "model.equalised_lr": True, **rate(0.001, 128)}
ROW_G: Settings = {**ROW_F, "model.generator_norm": "pixel"}
TABLE_1: dict[str, Settings] = {
    "a": {**at(ROW_A, [128]), **alone(128, 10_000)},
    "b": ROW_B,
    "c": ROW_C,
    "d": ROW_D,
    "e-star": {**ROW_D, "model.minibatch_discrimination": 100},
    "e": ROW_E,
    "f": ROW_F,
    "g": ROW_G,
    "h": {**ROW_G, "model.fmap_base": 8192, **schedule(128, 800, 800, total=20_000)},
}
# LSUN's squares are 256x256 by Lanczos, halved to 128x128.
TABLE_1_DATA: dict[str, Settings] = {
    "celeba": images_of("celeba", 128, mirror=True, crop="celeba"),
    "lsun-bedroom": images_of("lsun", 128, mirror=False, lanczos_resolution=256),
}

# The others

PAPER_128: Settings = {
    **METHOD,
    **GROWN_128,
    **rate(0.001, 128),
    **minibatches(16, {}, 128),
    **images_of("folder", 128, mirror=False),
}
for _path in ("labels", "classes", "list", "images"):  # the user's
    del PAPER_128[f"dataset.{_path}"]

LSUN: Settings = {
    **METHOD,
    **schedule(256, 800, 800, 20_000),
    **rate(0.001, 256),
    **minibatches(16, {}, 256),
}
CIFAR10: Settings = {
    **METHOD,
    **images_of("cifar10", 32, mirror=False),
    **schedule(32, 400, 400, 20_000),
    **rate(0.001, 32),
    **minibatches(16, {}, 32),
    "model.fmap_base": 4096,
    "model.fmap_max": 128,
    "model.latent_size": 128,
    "train.ramp_up_kimg": 0,
    "train.updates": "simultaneous",
    "train.gradient_target": 750,
    # The best of the snapshots, one every 800 kimg, by 50,000 images of each
    "train.tick_kimg": 800,
    "train.select": "best:inception_score",
    "train.quick_inception_images": 50_000,
    "sample.images": 50_000,
    "score.inception": True,
    "score.inception_images": 50_000,
    "score.inception_splits": 10,
    "score.fid_images": 50_000,
}

CELEBA_HQ: Settings = {
    **METHOD,
    **images_of("celeba-hq", 1024, mirror=True),
    **schedule(1024, 800, 800, 19_000),
    **rate(0.001, 1024),
    **minibatches(16, {256: 14, 512: 6, 1024: 3}, 1024),
    # Not the codes': a floor takes as many reals again, and there are 30,000
    "score.swd_images": 15_000,
    "score.ms_ssim_pairs": 7_500,
    "sample.images": 15_000,
}
TENSORFLOW: Settings = {
    **CELEBA_HQ,
    "model.latent_norm": "joined",
    "model.fused_downsampling": True,
    "train.ramp_up_kimg": 0,
}


def v2(base: int, sizes: Mapping[int, int], rates: Mapping[int, float]) -> Settings:
    """A configuration for several GPUs, whose minibatch is that of all together."""
    shorter = schedule(1024, 600, 600, 12_000)
    groups = {"train.minibatch_stddev": 4}
    by_size = minibatches(base, sizes, 1024)
    return {**TENSORFLOW, **shorter, **by_size, **rate(0.001, 1024, rates), **groups}


HIGH: dict[str, Settings] = {
    "celeba-hq-1024": CELEBA_HQ,
    "celeba-hq-1024-v1-1gpu": {**TENSORFLOW, "train.minibatch_stddev": 16},
    "celeba-hq-1024-v2-1gpu": v2(
        4,
        {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        {1024: 0.0015},
    ),
    "celeba-hq-1024-v2-2gpus": v2(
        8,
        {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
        {512: 0.0015, 1024: 0.002},
    ),
    "celeba-hq-1024-v2-4gpus": v2(
        16,
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
        {256: 0.0015, 512: 0.002, 1024: 0.003},
    ),
    "celeba-hq-1024-v2-8gpus": v2(
        32,
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
        {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    ),
}

# The discrete-mode test (appendix E): 5 D steps of 64 images a step of G, whose average keeps 0.999

MODES: Settings = {
    **METHOD,
    **images_of("mnist-1k", 32, mirror=False, stacks=1_000_000),
    **rate(0.001, 32),
    **steps_of(64, 5, 1, top=32),
    "model.name": "weak",
    "model.fmap_base": 128,  # 64 feature maps at 4x4, 8 at 32x32
    "model.fmap_max": 256,
    "model.discriminator_divisor": 4,
    "model.latent_size": 64,
    "model.generator_norm": "batch",
    "model.tanh": True,
    "model.discriminator_norm": "batch",
    "model.equalised_lr": False,
    "train.discriminator_steps": 5,
    "train.drift": 0,
    "train.minibatch_stddev": False,
    "score.mode_samples": 25_600,
    "score.mode_evaluations": 10,
    "sample.images": 256_000,
    "sample.minibatch": 256,
}
OUR_NORM: Settings = {
    "model.equalised_lr": True,
    "model.generator_norm": "pixel",
    "model.discriminator_norm": "none",
}
UNGROWN: Settings = {**at(MODES, [32]), **alone(32, 10_000)}
MODES_ROWS: dict[str, Settings] = {
    "a": UNGROWN,
    "b": {**UNGROWN, **OUR_NORM},
    "c": {**UNGROWN, **OUR_NORM, "train.minibatch_stddev": True},
    "d": {
        **MODES,
        **OUR_NORM,
        "train.minibatch_stddev": True,
        **schedule(32, fade=2000, stable=500, total=15_000),
    },
}
K: dict[str, Settings] = {"mnist-1k": {}, "mnist-1k-k2": {"model.discriminator_divisor": 2}}

EXPERIMENTS: dict[tuple[str, ...], Settings] = {
    **{
        (f"table1-{row}", f"table1-{data}"): {**settings, **images}
        for row, settings in TABLE_1.items()
        for data, images in TABLE_1_DATA.items()
    },
    **{
        (f"mnist-1k-{row}", data): {**settings, **of_data}
        for row, settings in MODES_ROWS.items()
        for data, of_data in K.items()
    },
    **{(name,): settings for name, settings in HIGH.items()},
    # 28 of the 30 categories; bedroom and dog
    ("lsun-256",): {
        **LSUN,
        **images_of("lsun", 256, mirror=True, images=100_000, lanczos_resolution=256),
    },
    ("lsun-256-full",): {**LSUN, **images_of("lsun", 256, mirror=False, lanczos_resolution=256)},
    ("cifar10",): CIFAR10,
    ("cifar10-large",): {  # the TensorFlow code's default networks
        **CIFAR10,
        "model.fmap_base": 8192,
        "model.fmap_max": 512,
        "model.latent_size": 512,
    },
    ("paper-128",): PAPER_128,
}

# Table 1 as printed: SWD x 10^3 of 128, 64, 32, 16 and on average, MS-SSIM
RESULTS = {
    "celeba": """
        a       12.99  7.79  7.62  8.73  9.28  0.2854
        b        4.62  2.64  3.78  6.06  4.28  0.2838
        c       75.42 41.33 41.62 26.57 46.23  0.4065
        d        9.20  6.53  4.71 11.84  8.07  0.3027
        e-star  10.76  6.28  6.04 16.29  9.84  0.3057
        e       13.94  5.67  2.82  5.71  7.04  0.2950
        f        4.42  3.28  2.32  7.52  4.39  0.2902
        g        4.06  3.04  2.02  5.13  3.56  0.2845
        h        2.42  2.17  2.24  4.99  2.96  0.2828
    """,
    "lsun-bedroom": """
        a       11.97 10.51  8.03 14.48 11.25  0.0587
        b        7.09  6.27  7.40  9.64  7.60  0.0615
        c       72.73 40.16 42.75 42.46 49.52  0.1061
        d        7.39  5.51  3.65  9.63  6.54  0.0662
        e-star  10.29  6.22  5.32 11.88  8.43  0.0648
        e        7.77  5.23  3.27  9.64  6.48  0.0671
        f        3.61  3.32  2.71  6.44  4.02  0.0668
        g        3.89  3.05  3.24  5.87  4.01  0.0640
        h        3.47  2.60  2.30  4.87  3.31  0.0636
    """,
}
