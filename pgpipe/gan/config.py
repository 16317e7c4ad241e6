"""The sections `model`, `train` and `sample`: what fixes the networks and their training."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, model_validator

from pgpipe.config import (
    Auto,
    AutoOr,
    Kimg,
    LearningRate,
    Minibatch,
    PowerOfTwo,
    Section,
    Seed,
    SomeKimg,
    number,
    require_no_nul,
)
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.widths import CAPTION_SIZE
from pgpipe.metrics.table import QUICK

SHEET = 96  # images of the picture of random samples
QUICK_IMAGES = 256  # that `auto` means for quick scores, where half of the data are not fewer

KEPT_SNAPSHOT_BYTES = 2 << 30  # of a phase's generators, which an edited metric scores again
SPLITS = 10  # of the Inception score of `quick_inception_images`, as of the paper's

# Decay of Adam's moments; of more than this float32 makes 1.
Decay = Annotated[float, Field(ge=0, le=0.999999)]
Weight = Annotated[float, Field(ge=0, le=1e6)]  # of a part of a loss
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "tf32", "bf16"]
Latents = Literal["normal", "uniform"]  # N(0, I), or on [-1, 1] in each number
FirstLayer = Literal["plain", "pixel-bias", "no-norm"]
Form = Literal["acgan", "matching", "projection", "joint"]  # how D judges labels
Conditioning = Literal["auto", False, Form]
QuickImages = Annotated[int | Auto, AutoOr(0, 1 << 16, multiple_of=2)]


class Architecture(Section):
    """What fixes the networks. Paper: fmap_base 8192, fmap_max 512, latent_size 512."""

    name: Literal[tuple(SYSTEMS)]  # type: ignore[valid-type] # see systems
    fmap_base: int = Field(ge=4, le=1 << 16)  # feature maps: min(fmap_base / 2^s, fmap_max)
    fmap_max: int = Field(ge=1, le=1 << 12)
    discriminator_divisor: int = Field(ge=1, le=1 << 10)  # K: of D's feature maps [1]
    latent_size: int = Field(ge=1, le=1 << 14)
    latents: Latents  # [normal]
    # To the hypersphere: the latent alone (Theano), joined with the label (TensorFlow), or not.
    latent_norm: Literal["latent", "joined", "none"]
    generator_activation: Literal["lrelu", "relu"]
    # batch: of the minibatch, when sampling too; response: of neighbouring feature maps
    generator_norm: Literal["pixel", "batch", "response", "none"]
    # G's first layer. pixel-bias: a bias per map and pixel, not per map (pytorch_GAN_zoo);
    # no-norm: no pixel norm after it (pro_gan_pytorch)
    first_layer: FirstLayer
    tanh: bool  # at the end of G
    discriminator_norm: Literal["none", "layer", "batch"]
    minibatch_discrimination: int = Field(ge=0, le=1 << 10)  # kernels of 5 dimensions; 0: off
    equalised_lr: bool  # False: He's constant in the first weights instead of at run time
    # Where D halves the image. False: after the activation, as the paper's table 2 and the Theano
    # code. True: inside the convolution, before the activation, as the TensorFlow code: faster.
    fused_downsampling: bool

    @model_validator(mode="after")
    def is_the_architecture_that_it_names(self) -> "Architecture":
        """Switches that an architecture has decided have its values."""
        system = SYSTEMS[self.name]
        require_decided(self, self.name, system.decided)
        if self.latent_size < system.least_latent:
            raise ValueError(
                f"latent_size: {self.latent_size} is not >= {system.least_latent}, which a "
                f"{self.name} needs"
            )
        if self.first_layer != "plain" and self.generator_norm != "pixel":
            raise ValueError(f"first_layer: {self.first_layer} needs generator_norm: pixel")
        return self


class ModelSection(Architecture):
    """The section `model`: the networks, and the trained ones that they start from, if any."""

    # The user's path, or the address of what a run has logged, runs:/...; "" or null: none
    start: Annotated[str, AfterValidator(require_no_nul)] | None


class NetworkSpec(Architecture):
    """Everything that the shapes of G and D depend on, but the resolution."""

    first_layer: FirstLayer = "plain"  # as these two are where a generator's file says neither
    latents: Latents = "normal"
    channels: PositiveInt  # of an image: 1 or 3
    classes: NonNegativeInt  # labels joined to the latent and judged by D; 0: none
    captions: bool = False  # whether captions are, in place of labels
    conditioning: Form = "acgan"  # how D judges them; as here where a file does not say
    minibatch_stddev: bool | int  # as of the section `train`

    @property
    def stddev_maps(self) -> int:
        """Feature maps that minibatch stddev appends: 1 or 0."""
        return int(self.minibatch_stddev is not False)

    @property
    def condition(self) -> int:
        """Numbers of the vector that is joined to the latent: a one-hot label's, or a caption's."""
        return CAPTION_SIZE if self.captions else self.classes

    @property
    def label_maps(self) -> int:
        """Feature maps of the condition beside D's 4x4 features."""
        return self.condition if self.conditioning == "joint" else 0

    @property
    def label_logits(self) -> int:
        """Numbers that D returns beside the score, which are compared with the condition's."""
        return self.condition - self.label_maps

    @property
    def stddev_group(self) -> int | None:
        """Images per group of minibatch stddev; 0: the whole minibatch; None: there is none."""
        if self.minibatch_stddev is False:
            return None
        return 0 if self.minibatch_stddev is True else self.minibatch_stddev

    @classmethod
    def of(
        cls,
        model: ModelSection,
        train: "TrainSection",
        channels: int,
        labels: int,
        stacked: bool,
        captions: int = 0,
    ) -> "NetworkSpec":
        """Return the spec for images of so many channels, of a set with so many labels, captions.

        Where there are two captions or more, they take the place of labels.
        """
        asked = train.label_conditioning
        captioned = bool(asked) and captions > 1
        classes = 0 if captioned else conditioned_classes(asked, labels, stacked)
        form: Form = "matching" if captioned else "acgan"
        if asked and asked != "auto" and (captioned or classes):
            form = asked
        return cls(
            **model.model_dump(exclude={"start"}),
            channels=channels,
            classes=classes,
            captions=captioned,
            conditioning=form,
            minibatch_stddev=train.minibatch_stddev,
        )


class SampleSection(Section):
    """The section `sample`: what the final generator draws."""

    images: Annotated[int | Auto, AutoOr(16)]  # for scoring
    seed: Seed  # of the latents
    # Images drawn at a time. Changes memory; with batch normalisation in G, results too.
    minibatch: Minibatch

    def count(self, scored: int) -> int:
        """Images to draw where so many are scored: `auto` fills a sheet of pictures, too."""
        return number(self.images, max(scored, SHEET))


class TrainSection(Section):
    """The section `train`. Paper values in brackets where ours may differ."""

    seed: Seed  # of weights, latents and every other draw
    minibatch: Minibatch  # images per step, unless a phase states its own [16]
    minibatch_per_device: int = Field(ge=0, le=1 << 16)  # at most so many of them at once; 0: all
    learning_rate: LearningRate  # of both networks, unless a phase states its own [0.001]
    optimiser: Literal["adam", "sgd"]  # sgd: plain, for which Adam's keys have no meaning [adam]
    adam_beta1: Decay  # [0]
    adam_beta2: Decay  # [0.99]
    adam_epsilon: float = Field(ge=1e-20, le=1)  # [1e-8]
    adam_reset: Literal["fades", "growth", "never"]  # forget the moments: where a fade begins and
    # where it ends; only where it begins; not at all
    ramp_up_kimg: Kimg  # over which the learning rate rises, from the start
    discriminator_steps: int = Field(ge=1, le=100)  # per step of G [1]
    updates: Literal["alternating", "simultaneous"]  # simultaneous: G and D at once, same fakes
    # Of the averaged generator, unless a phase states its own [11.08: 0.999 per step of 16 images]
    ema_half_life_kimg: SomeKimg

    loss: Literal[tuple(LOSSES)]  # type: ignore[valid-type] # see losses
    gradient_penalty: Weight  # lambda of wgan-gp [10]
    gradient_target: float = Field(ge=1e-3, le=1e6)  # the norm aimed at [1; 750 for CIFAR-10]
    gradient_at: Literal["full", "native"]  # pixels over which the norm is taken [full]
    full_resolution: PowerOfTwo = Field(ge=4, le=1024)  # what `full` means: the last phase's
    drift: Weight  # of wgan-gp: weight of E[f(real)^2] [0.001]
    r1_gamma: Weight  # gamma / 2 E[|grad f(real)|^2], of r1 and relativistic
    r2_gamma: Weight  # gamma / 2 E[|grad f(fake)|^2], of relativistic

    # Of autoencoder and vae: what the decoder's pixels are the parameters of.
    reconstruction: Literal["gaussian", "laplace", "bernoulli"]
    kl_weight: Weight  # of vae and vae-gan: of the codes' KL to N(0, I); stackgan: conditions' [1]
    feature_weight: Weight  # of vae-gan: gamma, of the reconstruction in the decoder's loss

    # true: over the whole minibatch; N: over groups of N
    minibatch_stddev: bool | Annotated[int, Field(ge=2, le=1 << 16)]
    # Labels into G; D classifies (acgan: Odena et al. 2017), or scores how well image and label fit
    # beside how real the image is (matching: Reed et al. 2016), in the sum of both (projection:
    # Miyato and Koyama 2018), or in one score (joint). auto: matching where there are captions,
    # which take the place of labels, acgan where there are labels.
    label_conditioning: Conditioning
    label_weight: Weight  # of the labels' loss [1]; projection has none
    mirror: bool  # flip each real image with probability 1/2

    device: Device
    # Of a CPU; 0: all cores. The last bits of a sum depend on it.
    threads: int = Field(ge=0, le=256)
    # bf16: autocast inside G and D; scores, norms, losses in float32. tf32: of a GPU's products.
    precision: Precision  # auto, of a run: see `training.auto`
    deterministic: bool  # of a GPU: only algorithms that repeat their bits; a CPU's always do
    channels_last: bool
    capture: bool  # of a GPU: the step as a CUDA graph
    data_on_device: Literal["auto", "yes", "no"]  # auto: where it fits in a quarter of the memory

    tick_kimg: SomeKimg  # between two rows of history, previews and saved states
    checkpoint_minutes: float = Field(ge=0, le=1e5)  # a state is saved at least this often
    quick_images: QuickImages  # scored at each tick, against as many reals
    # Of a tick's Inception score, where `select` takes it [50000]; 0: as many as of the others.
    quick_inception_images: int = Field(ge=0, le=1 << 20)
    # The generator that is sampled and scored: of the last tick, or of the best quick score.
    select: Literal[("last", *(f"best:{name}" for name in QUICK))]  # type: ignore[valid-type]

    @model_validator(mode="after")
    def steps_of_adam_are_bounded(self) -> "TrainSection":
        """After a large gradient its mean must not outlive the mean of its square."""
        if self.optimiser == "adam" and self.adam_beta1**2 > self.adam_beta2:
            raise ValueError(
                f"adam_beta1: the square of {self.adam_beta1:g} is above adam_beta2, "
                f"{self.adam_beta2:g}: after a large gradient Adam's steps would grow without bound"
            )
        return self

    @model_validator(mode="after")
    def updates_at_once_are_one_and_one(self) -> "TrainSection":
        """G and D share their fakes, so neither steps more often."""
        if self.updates == "simultaneous" and self.discriminator_steps > 1:
            raise ValueError(
                f"updates: simultaneous updates have one D step per G step, discriminator_steps is "
                f"{self.discriminator_steps}"
            )
        return self

    @model_validator(mode="after")
    def a_joint_score_has_three_pairs(self) -> "TrainSection":
        """Reals with wrong labels are scored as fakes are, for which not every loss has a term."""
        if self.label_conditioning == "joint" and not LOSSES[self.loss].joint:
            fine = ", ".join(name for name, row in LOSSES.items() if row.joint)
            raise ValueError(
                f"label_conditioning: joint also scores reals with wrong labels, of which "
                f"{self.loss} makes no game; set loss to one of {fine}"
            )
        return self

    @model_validator(mode="after")
    def groups_divide_the_minibatch(self) -> "TrainSection":
        """Minibatch stddev has no incomplete groups."""
        require_whole_groups(self.minibatch_stddev, self.minibatch)
        return self

    @model_validator(mode="after")
    def the_best_is_scored(self) -> "TrainSection":
        """Without quick scores no tick is the best."""
        if self.select != "last" and not self.quick_images:
            raise ValueError(f"select: {self.select} needs quick_images of 2 or more")
        if 0 < self.quick_inception_images < SPLITS:
            raise ValueError(
                f"quick_inception_images: {self.quick_inception_images} is neither 0 nor >= "
                f"{SPLITS}, the parts of that Inception score"
            )
        return self

    @property
    def best_by(self) -> str:
        """The quick score that says which tick is the best, also where the last one is selected."""
        return str(self.select).partition(":")[2] or "swd_avg"

    @property
    def most_quick_images(self) -> int:
        """Images of the quick scores of a large data set; others have half of theirs."""
        return number(self.quick_images, QUICK_IMAGES)

    @property
    def quick_inception(self) -> bool:
        """Whether the quick scores take the Inception network."""
        return QUICK[self.best_by].of == "features"

    @property
    def tick_images(self) -> int:
        """Images between two ticks."""
        return max(1, round(1000 * self.tick_kimg))

    def upscale(self, resolution: int) -> float:
        """How much a phase's image is enlarged before the penalty's norm is taken."""
        return max(1.0, self.full_resolution / resolution) if self.gradient_at == "full" else 1.0

    def ramp_up(self, images_seen: int) -> float:
        """Factor of the learning rate: exp(-5 (1 - t)^2) up to 1 (Laine and Aila 2017, app. A)."""
        if images_seen >= 1000 * self.ramp_up_kimg:
            return 1.0
        return math.exp(-5 * (1 - images_seen / (1000 * self.ramp_up_kimg)) ** 2)

    def ema_decay(self, images: int) -> float:
        """Decay of the averaged generator over a step of `images`."""
        return float(0.5 ** (images / (1000 * self.ema_half_life_kimg)))


def conditioned_classes(asked: Conditioning, labels: int, stacked: bool) -> int:
    """Classes that G and D are conditioned on, of a data set with so many labels; 0: none.

    `auto` takes the labels where they tell images apart. Those of stacked digits are the modes that
    the discrete-mode test looks for, so they are kept from G.
    """
    if asked == "auto":
        return labels if labels > 1 and not stacked else 0
    return labels if asked else 0


def require_whole_groups(groups: bool | int, minibatch: int) -> None:
    """Refuse a minibatch that is larger than a group but no multiple of it."""
    if groups is not True and groups and minibatch > groups and minibatch % groups:
        raise ValueError(f"minibatch {minibatch} is no multiple of minibatch_stddev {groups}")


def require_decided(section: Section, system: str, decided: Mapping[str, object]) -> None:
    """Raise ValueError where a section has another value than the system decides."""
    for key, value in decided.items():
        if (found := getattr(section, key)) != value:
            raise ValueError(f"{key}: {a(system)} has {in_yaml(value)}, not {in_yaml(found)}")


def a(system: str) -> str:
    """Return the name of a system behind its article."""
    return f"a{'n' * (system[0] in 'aeiou')} {system}"


def in_yaml(value: object) -> str:
    """Return a value as params.yaml writes it."""
    return str(value).lower()
