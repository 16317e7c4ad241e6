"""StackGAN (Zhang et al. 2017): two GANs on top of each other, 16 and 64 pixels.

The first draws a small image for a condition. The second reads that image and the condition, mends
what the first got wrong, and enlarges it by four. It has a discriminator of its own; the first
generator is frozen then, with the averaged weights of its phase.

The paper goes from 64 to 256 pixels: its second generator first reduces the image to 16x16 feature
maps, which is the size of the image here, so nothing is reduced. Widths and activations are those
of the other networks, at the same resolutions.

A latent is noise and, behind it, what the two conditioning augmentations draw: an image is a
function of its latent and condition, as in every other system.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Block, Generator, activation_of, options_of
from pgpipe.gan.layers import Conv, Dense, Layer, LayerOptions, beside, in_float32, one_hot
from pgpipe.gan.losses.reconstruction import kl, sample
from pgpipe.gan.step import Minibatch, Step
from pgpipe.gan.systems import STACKED
from pgpipe.gan.widths import augmented_numbers, feature_maps

RESIDUAL_BLOCKS = 2


class Augmentation(nn.Module):
    """Conditioning augmentation: a condition is a Gaussian, of which a point is drawn (sec. 3.2).

    Images of the same condition then fill a neighbourhood, and neighbourhoods of conditions meet.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        numbers, options = 2 * augmented_numbers(spec), LayerOptions(spec.equalised_lr)
        self.gaussian = Dense(spec.condition, numbers, gain=1.0, options=options)

    def moments(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each [N, A], of conditions [N, E]."""
        mean, log_variance = in_float32(self.gaussian, condition).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, condition: Tensor, normal: Tensor) -> Tensor:
        """Return mean + deviation * normal for conditions [N, E] and draws [N, A] of N(0, I)."""
        return sample(*self.moments(condition), normal)


class Residual(nn.Module):
    """Adds what two convolutions find: [N, C, R, R] -> [N, C, R, R] (He et al. 2016)."""

    def __init__(self, spec: NetworkSpec, maps: int) -> None:
        super().__init__()
        options = options_of(spec)
        self.conv0, self.conv1 = (Conv(maps, maps, 3, options=options) for _ in range(2))
        self.activation = activation_of(spec)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, C, R, R]."""
        return self.activation(x + self.conv1(self.activation(self.conv0(x))))


class SecondStage(nn.Module):
    """A small image and its condition -> an image four times as large."""

    def __init__(self, spec: NetworkSpec, below: int, top: int) -> None:
        super().__init__()
        maps, options = feature_maps(spec, below), options_of(spec)
        self.enter = Conv(spec.channels, maps, 3, options=options)
        self.join = Conv(maps + augmented_numbers(spec), maps, 3, options=options)
        self.residual = nn.Sequential(*(Residual(spec, maps) for _ in range(RESIDUAL_BLOCKS)))
        self.up = nn.Sequential(Block(spec, 2 * below), Block(spec, top))
        plain = LayerOptions(spec.equalised_lr)
        self.to_rgb = Conv(feature_maps(spec, top), spec.channels, 1, gain=1.0, options=plain)
        self.activation = activation_of(spec)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Images [N, C, R, R] and augmented conditions [N, A] -> [N, C, 4R, 4R]."""
        x = self.activation(self.enter(image))
        x = self.activation(self.join(beside(x, condition)))
        rgb: Tensor = self.to_rgb(self.up(self.residual(x)))
        return rgb


class StackGenerator(Generator):
    """The first stage, or the first, frozen, with the second on top of it."""

    in_a_row = False

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        nn.Module.__init__(self)
        self.spec, self.resolution = spec, resolution
        (below, top), own = STACKED, augmented_numbers(spec)
        self.parts = [spec.latent_size - 2 * own, own, own]  # of a latent
        joined = {"latent_size": spec.latent_size - own, "classes": 0, "captions": False}
        self.augmentation0 = Augmentation(spec)
        self.first = Generator(spec.model_copy(update=joined), below)
        if resolution == top:
            self.first.requires_grad_(False)
            self.augmentation0.requires_grad_(False)
            self.augmentation1 = Augmentation(spec)
            self.second = SecondStage(spec, below, top)

    def layers(self) -> list[Layer]:
        """Return the layers that draw; the last one makes the pixels."""
        of_first = self.first.layers()
        others = [module for module in self.modules() if isinstance(module, Layer)]
        unused = {*self.first.modules()} - {*of_first}  # toRGB of lower resolutions
        return [layer for layer in others if layer not in unused]

    @property
    def newest(self) -> Augmentation:
        """The augmentation of the stage that is trained."""
        return self.augmentation0 if self.resolution == STACKED[0] else self.augmentation1

    def forward(
        self, z: Tensor, labels: Tensor | None = None, fade: Tensor | None = None
    ) -> Tensor:
        """Draw images.

        Args:
            z: latents [N, latent_size], from N(0, I).
            labels: int64 [N], shares of the classes [N, classes], or vectors of captions [N, 256].
            fade: None, as nothing fades.

        Returns:
            [N, channels, R, R]; data lie in [-1, 1].
        """
        assert labels is not None
        assert fade is None
        condition = one_hot(labels, self.spec.classes, z.dtype)
        noise, draw0, draw1 = z.split(self.parts, dim=1)
        image: Tensor = self.first(torch.cat([noise, self.augmentation0(condition, draw0)], dim=1))
        if self.resolution == STACKED[0]:
            return image
        image = self.second(image, self.augmentation1(condition, draw1))
        return image.tanh() if self.spec.tanh else image


class StackDiscriminator(Discriminator):
    """D of one stage, which shares nothing with that of the other."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        nn.Module.__init__(self)
        self.spec, self.resolution = spec, resolution
        self.stages = nn.ModuleDict({str(resolution): Discriminator(spec, resolution)})

    @property
    def stage(self) -> Discriminator:
        """The only one."""
        (found,) = self.stages.values()
        assert isinstance(found, Discriminator)
        return found

    def forward(
        self, images: Tensor, fade: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Score images [N, channels, R, R]; see `Discriminator`."""
        scored: tuple[Tensor, Tensor] = self.stage(images, fade, labels)
        return scored

    def fit(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Set what depends on data from reals [N, channels, R, R]; see `Discriminator`."""
        self.stage.fit(images, labels)

    def noisy(self) -> Iterator[nn.Module]:
        """Yield the modules whose input the noise of `lsgan` goes to."""
        return self.stage.noisy()


class StackStep(Step):
    """The step of a GAN whose G also keeps its conditions' Gaussians near N(0, I) (eq. 2 and 4)."""

    def generator_loss(self, batch: Minibatch, fake: Tensor, drawn_for: Tensor | None) -> Tensor:
        """Return G's loss [] on fakes [N, C, R, R] and the labels [N] that they were drawn for."""
        assert drawn_for is not None
        assert isinstance(self.G, StackGenerator)
        loss = super().generator_loss(batch, fake, drawn_for)
        condition = one_hot(batch.condition(drawn_for), self.G.spec.classes, torch.float32)
        mean, log_variance = self.G.newest.moments(condition)
        # Per number, as in the released code: a sum over all of them would outweigh the game.
        return loss + self.section.kl_weight * kl(mean, log_variance) / mean.shape[1]
