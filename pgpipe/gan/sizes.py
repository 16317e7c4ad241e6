"""How many numbers the networks have, from their spec alone: what disk and memory come from.

The layers are those of the networks' own files, counted without building them, so that parameters
can be checked in no time; a test holds both equal for every kind of network and every switch.
"""

from pgpipe.gan.config import (
    WEAK_RESOLUTION,
    NetworkSpec,
    discriminator_maps,
    feature_maps,
    hidden_maps,
    resolutions,
)

KERNELS = {"pggan": 9, "dcgan": 25, "weak": 9}  # taps of a convolution
DISCRIMINATION = 5  # dimensions of a kernel of minibatch discrimination

Sizes = list[int]  # of each weight, bias and gain


def generator(spec: NetworkSpec, resolution: int) -> Sizes:
    """G's tensors at a resolution."""
    norm = "batch" if spec.generator_norm == "batch" else "none"
    taps, twice = KERNELS[spec.name], spec.name == "pggan"
    seed = (spec.latent_size + spec.classes) * 16
    found = layer(seed, feature_maps(spec, 4), norm)
    if twice:
        found += layer(taps * feature_maps(spec, 4), feature_maps(spec, 4), norm)
    for res in resolutions(resolution)[1:]:
        maps, below = feature_maps(spec, res), feature_maps(spec, res // 2)
        if spec.name == "dcgan" and res == resolution:
            return found + layer(taps * below, spec.channels, "none")
        found += layer(taps * below, maps, norm)
        found += layer(taps * maps, maps, norm) if twice else []
    for res in resolutions(resolution):
        found += layer(feature_maps(spec, res) * (1 if twice else taps), spec.channels, "none")
    return found


def discriminator(spec: NetworkSpec, resolution: int) -> Sizes:
    """D's tensors at a resolution."""
    return {"pggan": pggan, "dcgan": dcgan, "weak": weak}[spec.name](spec, resolution)


def pggan(spec: NetworkSpec, resolution: int) -> Sizes:
    """Of `nets.discriminator`."""
    norm, maps, hidden = spec.discriminator_norm, discriminator_maps(spec, 4), hidden_maps(spec)
    kernels = spec.minibatch_discrimination
    found = layer(9 * (maps + (spec.minibatch_stddev is not False)), maps, norm)
    found += layer(16 * maps, hidden, norm)
    if kernels:
        found += [hidden * kernels * DISCRIMINATION, kernels * DISCRIMINATION, kernels]
    found += layer(hidden + kernels, 1 + spec.classes, "none")
    for res in resolutions(resolution):
        maps, below = discriminator_maps(spec, res), discriminator_maps(spec, res // 2)
        found += layer(spec.channels, maps, "none")
        if res > 4:
            found += layer(9 * maps, maps, norm) + layer(9 * maps, below, norm)
    return found


def dcgan(spec: NetworkSpec, resolution: int) -> Sizes:
    """Of `nets.dcgan`."""
    found = layer(16 * discriminator_maps(spec, 4), 1 + spec.classes, "none")
    for res in resolutions(resolution)[1:]:
        top = res == resolution
        maps_in = spec.channels if top else discriminator_maps(spec, res)
        maps = discriminator_maps(spec, res // 2)
        found += layer(25 * maps_in, maps, "none" if top else "batch")
    return found


def weak(spec: NetworkSpec, resolution: int) -> Sizes:
    """Of `nets.weak`."""
    features = 16 * (discriminator_maps(spec, 8) + (spec.minibatch_stddev is not False))
    found = layer(features, 1 + spec.classes, "none")
    for res in resolutions(resolution):
        maps, above = discriminator_maps(spec, res), discriminator_maps(spec, 2 * res)
        top = res == WEAK_RESOLUTION
        if res > 4:
            found += layer(9 * (spec.channels if top else above), maps, spec.discriminator_norm)
        if not top:
            found += layer(spec.channels, above, "none")
    return found


def layer(fan_in: int, maps: int, norm: str) -> Sizes:
    """A weight, a bias, and the gain of its normalisation."""
    gains = {"none": [], "batch": [maps], "layer": [1]}
    return [fan_in * maps, maps, *gains[norm]]
