"""The systems: what can be trained, one row each. `model.name` chooses one.

A row says where the networks and the training step are, what the system decides of the parameters,
how it may grow, and how many weights it has. The networks themselves, which need torch, are
imported by name, so that a training depends on those that it uses and `check` on none.

To add a system, write a file with its networks (and its step, where it is none of those that there
are), and a row here.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pgpipe.gan.widths import (
    DISCRIMINATION,
    augmented_numbers,
    discriminator_maps,
    feature_maps,
    hidden_maps,
    resolutions,
)

WEAK_RESOLUTION = 32  # pixels, for which the weak networks are made
MAXOUT_PIECES = 5  # linear pieces of a maxout unit
STACKED = (16, 64)  # pixels of StackGAN's two stages

Sizes = list[int]  # the number of elements of each weight, bias and gain
Spec = Any  # a `config.NetworkSpec`, whose module builds on this one
Count = Callable[[Spec, int], Sizes]  # of a network grown to a resolution


class Network(NamedTuple):
    """One network of a system."""

    where: str  # `module:class`, called with a NetworkSpec and a resolution
    sizes: Count  # of its tensors, without building it; a test holds both equal
    activations: Callable[[Spec, int], int]  # numbers in its feature maps, per image


class System(NamedTuple):
    """What is trained together."""

    networks: Mapping[str, Network]  # by the name under which they are saved; each has its Adam
    averages: Mapping[str, str]  # exponential moving averages: their name, and of which network
    sampled: str  # the average whose images are sampled and scored
    step: str  # `module:class` of the training step
    statistics: tuple[str, ...]  # what a step returns and the history records
    decided: Mapping[str, object] = {}  # keys of `model` that the system decides
    decided_of_train: Mapping[str, object] = {}  # the same of `train`
    joint: bool = False  # whether D has a layer that compares its 4x4 features with a label
    growth_factors: tuple[int, ...] = (2,)  # by which a phase may enlarge the images of another
    encoder: str = ""  # the average that encodes images, if any
    smallest: int = 4  # pixels of a phase
    largest: int = 1024
    final: int | None = None  # pixels that the last phase has to have
    chain: tuple[int, ...] = ()  # pixels of all phases, where these are fixed; nothing fades then
    least_latent: int = 1  # numbers that a latent has to have

    def origins(self, resolution: int) -> list[str]:
        """Return what a phase of so many pixels may grow from; none where it cannot be."""
        if self.chain:
            names = ["init", *(f"r{res}" for res in self.chain)]
            return [names[n] for n, res in enumerate(self.chain) if res == resolution]
        smaller = [f"r{resolution // factor}" for factor in self.growth_factors]
        return ["init", *(smaller if resolution > self.smallest else [])]

    @property
    def code(self) -> list[str]:
        """The places of all that a training of the system runs by name."""
        return [*(network.where for network in self.networks.values()), self.step]

    @property
    def sampled_network(self) -> Network:
        """The network whose average is sampled."""
        return self.networks[self.averages[self.sampled]]

    @property
    def drawing_networks(self) -> list[Network]:
        """The networks whose averages a generator's file holds: what draws, and what encodes."""
        return [self.networks[self.averages[name]] for name in (self.sampled, self.encoder) if name]


def layer(fan_in: int, maps: int, norm: str = "none") -> Sizes:
    """Return the sizes of a weight, a bias, and the gain of a normalisation."""
    gains = {"none": [], "batch": [maps], "layer": [1]}
    return [fan_in * maps, maps, *gains[norm]]


def count_generator(spec: Spec, resolution: int) -> Sizes:
    """Count `gan.generator`: two 3x3 convolutions and a 1x1 toRGB per resolution."""
    norm = "batch" if spec.generator_norm == "batch" else "none"
    maps = feature_maps(spec, 4)
    found = layer((spec.latent_size + spec.condition) * 16, maps, norm)
    found[1] *= 16 if spec.first_layer == "pixel-bias" else 1
    found += layer(9 * maps, maps, norm)
    for res in resolutions(resolution)[1:]:
        maps, below = feature_maps(spec, res), feature_maps(spec, res // 2)
        found += layer(9 * below, maps, norm) + layer(9 * maps, maps, norm)
    for res in resolutions(resolution):
        found += layer(feature_maps(spec, res), spec.channels)
    return found


def count_discriminator(spec: Spec, resolution: int) -> Sizes:
    """Count `gan.discriminator`: its mirror image."""
    norm, maps, hidden = spec.discriminator_norm, discriminator_maps(spec, 4), hidden_maps(spec)
    kernels = spec.minibatch_discrimination
    found = layer(9 * (maps + spec.stddev_maps + spec.label_maps), maps, norm)
    found += layer(16 * maps, hidden, norm)
    if kernels:
        found += [hidden * kernels * DISCRIMINATION, kernels * DISCRIMINATION, kernels]
    found += layer(hidden + kernels, 1 + spec.label_logits)
    return found + count_trunk(spec, resolution)


def count_trunk(spec: Spec, resolution: int) -> Sizes:
    """Count what D and an encoder share: the layers before the last block."""
    norm, found = spec.discriminator_norm, []
    for res in resolutions(resolution):
        maps, below = discriminator_maps(spec, res), discriminator_maps(spec, res // 2)
        found += layer(spec.channels, maps)
        if res > 4:
            found += layer(9 * maps, maps, norm) + layer(9 * maps, below, norm)
    return found


def count_encoder(spec: Spec, resolution: int) -> Sizes:
    """Count the encoder of `gan.autoencoder`: D's layers, to two numbers per number of a code."""
    norm, maps, hidden = spec.discriminator_norm, discriminator_maps(spec, 4), hidden_maps(spec)
    found = layer(9 * maps, maps, norm) + layer(16 * maps, hidden, norm)
    return found + layer(hidden, 2 * spec.latent_size) + count_trunk(spec, resolution)


def count_dcgan_generator(spec: Spec, resolution: int) -> Sizes:
    """Count DCGAN's: one transposed 5x5 convolution per resolution, the last to the pixels."""
    found = layer((spec.latent_size + spec.condition) * 16, feature_maps(spec, 4), "batch")
    for res in resolutions(resolution)[1:]:
        top, below = res == resolution, 25 * feature_maps(spec, res // 2)
        found += layer(below, spec.channels if top else feature_maps(spec, res))
        found += [] if top else [feature_maps(spec, res)]
    return found


def count_dcgan_discriminator(spec: Spec, resolution: int) -> Sizes:
    """Count DCGAN's: one strided 5x5 convolution per resolution, the first on the pixels."""
    found = layer(16 * discriminator_maps(spec, 4), 1 + spec.condition)
    for res in resolutions(resolution)[1:]:
        top, maps = res == resolution, discriminator_maps(spec, res // 2)
        maps_in = spec.channels if top else discriminator_maps(spec, res)
        found += layer(25 * maps_in, maps, "none" if top else "batch")
    return found


def count_weak_generator(spec: Spec, resolution: int) -> Sizes:
    """Count the weak one: one 3x3 convolution and a 3x3 toRGB per resolution."""
    norm = "batch" if spec.generator_norm == "batch" else "none"
    found = layer((spec.latent_size + spec.condition) * 16, feature_maps(spec, 4), norm)
    for res in resolutions(resolution)[1:]:
        found += layer(9 * feature_maps(spec, res // 2), feature_maps(spec, res), norm)
    for res in resolutions(resolution):
        found += layer(9 * feature_maps(spec, res), spec.channels)
    return found


def count_weak_discriminator(spec: Spec, resolution: int) -> Sizes:
    """Count the weak one: one 3x3 convolution per resolution, at 32x32 on the pixels."""
    features = 16 * (discriminator_maps(spec, 8) + spec.stddev_maps)
    found = layer(features, 1 + spec.condition)
    for res in resolutions(resolution):
        maps, above = discriminator_maps(spec, res), discriminator_maps(spec, 2 * res)
        top = res == WEAK_RESOLUTION
        if res > 4:
            found += layer(9 * (spec.channels if top else above), maps, spec.discriminator_norm)
        if not top:
            found += layer(spec.channels, above)
    return found


def count_mlp_generator(spec: Spec, resolution: int) -> Sizes:
    """Count the fully connected one: two hidden layers, and one to the pixels."""
    units = feature_maps(spec, 4)
    found = layer(spec.latent_size + spec.condition, units) + layer(units, units)
    return found + layer(units, spec.channels * resolution**2)


def count_mlp_discriminator(spec: Spec, resolution: int) -> Sizes:
    """Count the fully connected one: two layers of maxout, and the score."""
    units = discriminator_maps(spec, 4)
    found = layer(spec.channels * resolution**2, MAXOUT_PIECES * units)
    return found + layer(units, MAXOUT_PIECES * units) + layer(units, 1 + spec.condition)


def count_stack_generator(spec: Spec, resolution: int) -> Sizes:
    """Count StackGAN's: each stage with its augmentation, the second one's residual blocks."""
    (below, top), own = STACKED, augmented_numbers(spec)
    augmentation = layer(spec.condition, 2 * own)
    joined = {"latent_size": spec.latent_size - own, "classes": 0, "captions": False}
    found = augmentation + count_generator(spec.model_copy(update=joined), below)
    if resolution == below:
        return found
    norm = "batch" if spec.generator_norm == "batch" else "none"
    maps = feature_maps(spec, below)
    found += augmentation + layer(9 * spec.channels, maps, norm)
    found += layer(9 * (maps + own), maps, norm) + 4 * layer(9 * maps, maps, norm)
    for res in (2 * below, top):
        maps, maps_below = feature_maps(spec, res), feature_maps(spec, res // 2)
        found += layer(9 * maps_below, maps, norm) + layer(9 * maps, maps, norm)
    return found + layer(maps, spec.channels)


def generator_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in a generator's feature maps: two layers per resolution."""
    return sum(2 * feature_maps(spec, res) * res**2 for res in resolutions(resolution))


def stack_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in StackGAN's feature maps: 6 layers more at the lower resolution."""
    more = 6 * feature_maps(spec, STACKED[0]) * STACKED[0] ** 2
    return generator_activations(spec, resolution) + (more if resolution > STACKED[0] else 0)


def discriminator_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in D's feature maps: each block's input and convolutions."""
    total = 0
    for res in resolutions(resolution):
        last = res // 2 if spec.fused_downsampling else res
        total += 2 * discriminator_maps(spec, res) * res**2
        total += discriminator_maps(spec, res // 2) * last**2
    return total


def dcgan_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in DCGAN's feature maps: a convolution and its norm per resolution."""
    sizes = resolutions(resolution)
    return sum(2 * discriminator_maps(spec, res // 2) * (res // 2) ** 2 for res in sizes)


def weak_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in the weak D's feature maps: one convolution per resolution."""
    return sum(discriminator_maps(spec, res) * res**2 for res in resolutions(resolution))


def mlp_activations(spec: Spec, resolution: int) -> int:
    """Return the numbers in the fully connected D's features: pixels, pieces and maxima."""
    pixels: int = spec.channels * resolution**2
    return pixels + 2 * (MAXOUT_PIECES + 1) * discriminator_maps(spec, 4)


STATISTICS_D = ("loss_d", "score_real", "score_fake", "gradient_norm", "label_loss")
STATISTICS = ("loss_g", *STATISTICS_D)  # of a GAN's step

GENERATOR = Network("pgpipe.gan.generator:Generator", count_generator, generator_activations)
DISCRIMINATOR = Network(
    "pgpipe.gan.discriminator:Discriminator", count_discriminator, discriminator_activations
)
ENCODER = Network("pgpipe.gan.autoencoder:Encoder", count_encoder, discriminator_activations)

GAN = System(
    networks={"generator": GENERATOR, "discriminator": DISCRIMINATOR},
    averages={"average": "generator"},
    sampled="average",
    step="pgpipe.gan.step:Step",
    statistics=STATISTICS,
)
AUTOENCODER = System(
    networks={"encoder": ENCODER, "generator": GENERATOR},
    averages={**GAN.averages, "average_encoder": "encoder"},
    sampled="average",
    encoder="average_encoder",
    step="pgpipe.gan.autoencoder:AutoencoderStep",
    statistics=("loss_g", "reconstruction"),
    decided={"latents": "normal", "latent_norm": "none", "minibatch_discrimination": 0},
    decided_of_train={
        "discriminator_steps": 1,
        "updates": "alternating",
        "minibatch_stddev": False,
        "label_conditioning": False,
    },
)

SYSTEMS = {
    "pggan": GAN._replace(joint=True),
    "dcgan": GAN._replace(
        networks={
            "generator": Network(
                "pgpipe.gan.dcgan:DcganGenerator", count_dcgan_generator, generator_activations
            ),
            "discriminator": Network(
                "pgpipe.gan.dcgan:DcganDiscriminator",
                count_dcgan_discriminator,
                dcgan_activations,
            ),
        },
        decided={
            "latent_norm": "none",
            "generator_activation": "relu",
            "generator_norm": "batch",
            "first_layer": "plain",
            "tanh": True,
            "discriminator_norm": "batch",
            "minibatch_discrimination": 0,
            "equalised_lr": False,
            "fused_downsampling": False,
        },
        decided_of_train={"minibatch_stddev": False},
        growth_factors=(),
        smallest=8,
    ),
    "mlp": GAN._replace(  # of the first GANs
        networks={
            "generator": Network(
                "pgpipe.gan.mlp:MlpGenerator", count_mlp_generator, mlp_activations
            ),
            "discriminator": Network(
                "pgpipe.gan.mlp:MlpDiscriminator", count_mlp_discriminator, mlp_activations
            ),
        },
        decided={
            "latent_norm": "none",
            "generator_activation": "relu",
            "generator_norm": "none",
            "tanh": True,
            "discriminator_norm": "none",
            "minibatch_discrimination": 0,
            "equalised_lr": False,
            "fused_downsampling": False,
        },
        decided_of_train={"minibatch_stddev": False},
        growth_factors=(),
        largest=128,
    ),
    "weak": GAN._replace(  # of the discrete-mode test
        networks={
            "generator": Network(
                "pgpipe.gan.weak:WeakGenerator", count_weak_generator, generator_activations
            ),
            "discriminator": Network(
                "pgpipe.gan.weak:WeakDiscriminator", count_weak_discriminator, weak_activations
            ),
        },
        decided={
            "generator_activation": "lrelu",
            "first_layer": "plain",
            "minibatch_discrimination": 0,
            "fused_downsampling": False,
        },
        largest=WEAK_RESOLUTION,
        final=WEAK_RESOLUTION,
    ),
    "autoencoder": AUTOENCODER,
    "vae": AUTOENCODER._replace(
        step="pgpipe.gan.autoencoder:VaeStep", statistics=("loss_g", "reconstruction", "kl")
    ),
    "vae-gan": AUTOENCODER._replace(
        networks={**AUTOENCODER.networks, "discriminator": DISCRIMINATOR},
        step="pgpipe.gan.autoencoder:VaeGanStep",
        statistics=("loss_g", "reconstruction", "kl", *STATISTICS_D),
        decided={"latents": "normal", "latent_norm": "none"},
        decided_of_train={"updates": "alternating", "label_conditioning": False},
    ),
    "stackgan": GAN._replace(
        networks={
            "generator": Network(
                "pgpipe.gan.stackgan:StackGenerator", count_stack_generator, stack_activations
            ),
            "discriminator": Network(
                "pgpipe.gan.stackgan:StackDiscriminator",
                count_discriminator,
                discriminator_activations,
            ),
        },
        step="pgpipe.gan.stackgan:StackStep",
        decided={"latent_norm": "none", "minibatch_discrimination": 0},
        decided_of_train={"label_conditioning": "matching"},
        smallest=STACKED[0],
        largest=STACKED[1],
        final=STACKED[1],
        chain=STACKED,
        least_latent=4,
    ),
}
