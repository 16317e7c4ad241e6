"""The sections `reference` and `score`, and the protocol that `score` is for a data set."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from pgpipe.config import Auto, AutoOr, LearningRate, Section, Seed, SomeKimg, number

FEWEST = 12  # images of a data set; fewer are refused
FLOOR_FROM = 32  # images of a data set, from which on half of them is compared with the other half
SPLIT_IMAGES = 16  # of a part whose score enters a mean and a deviation
SWD_IMAGES, PAIRS, SPLITS, MODE_SAMPLES, INCEPTION_IMAGES = 2048, 1024, 10, 25600, 2048  # at most


class ScoreSection(Section):
    """The section `score`: numbers, or `auto` for those that suit the data set."""

    swd_images: Annotated[int | Auto, AutoOr(2)]  # reals, and as many fakes [paper 16384]
    ms_ssim_pairs: Annotated[int | Auto, AutoOr(1)]  # of generated images [paper 10000]
    # Parts of the images whose scores give mean and deviation [paper 10].
    classifier_splits: Annotated[int | Auto, AutoOr(1)]
    # Discrete-mode test: images of an evaluation [paper 25600].
    mode_samples: Annotated[int | Auto, AutoOr(1)]
    mode_evaluations: int = Field(ge=1, le=1000)  # whose scores give mean and deviation [paper 10]
    inception: bool  # also what takes the Inception network, which `pgpipe weights` fetches
    # Generated images of the Inception score, and its parts [paper 50000, 10].
    inception_images: Annotated[int | Auto, AutoOr(1)]
    inception_splits: Annotated[int | Auto, AutoOr(1)]
    # Of FID, KID, precision, recall: reals, and as many fakes [paper 50000].
    fid_images: Annotated[int | Auto, AutoOr(4)]
    mirror: Literal["auto", False, True]  # half of the reals are mirrored; auto: as train.mirror
    seed: Seed  # of patches, directions, subsets, and the choice of reals


class Protocol(Section):
    """How a data set's samples are scored: the section `score` with every number known.

    Scores of unequal numbers of images do not compare.
    """

    swd_images: int
    ms_ssim_pairs: int
    classifier_splits: int
    mode_samples: int
    mode_evaluations: int
    inception: bool
    inception_images: int
    inception_splits: int
    fid_images: int
    mirror: bool
    seed: int

    @property
    def images(self) -> int:
        """Generated images that the scores need which take no Inception network."""
        return max(self.swd_images, 2 * self.ms_ssim_pairs)

    @property
    def inception_fakes(self) -> int:
        """Generated images that the Inception network sees."""
        return max(self.inception_images, self.fid_images) if self.inception else 0

    @property
    def mode_images(self) -> int:
        """Generated images that the discrete-mode test needs."""
        return self.mode_samples * self.mode_evaluations

    def needs(self, stacked: bool) -> dict[str, int]:
        """Generated images that the scores need, by the parameters that say so."""
        return {
            "score.swd_images, twice score.ms_ssim_pairs": self.images,
            "score.inception_images, score.fid_images": self.inception_fakes,
            "score.mode_samples times score.mode_evaluations": self.mode_images if stacked else 0,
        }


def protocol_for(section: ScoreSection, images: int, mirror: bool = False) -> Protocol:
    """The protocol for a data set of so many images, of a training that mirrors or does not.

    `auto` leaves as many reals again for the floor, and as many for the classifier.
    """
    half = images // 2
    swd_images = number(section.swd_images, min(SWD_IMAGES, half))
    pairs = number(section.ms_ssim_pairs, min(PAIRS, half // 2))
    inception_images = number(section.inception_images, min(INCEPTION_IMAGES, images))
    return Protocol(
        swd_images=swd_images,
        ms_ssim_pairs=pairs,
        classifier_splits=number(section.classifier_splits, splits(max(swd_images, 2 * pairs))),
        mode_samples=number(section.mode_samples, min(MODE_SAMPLES, images)),
        mode_evaluations=section.mode_evaluations,
        inception=section.inception,
        inception_images=inception_images,
        inception_splits=number(section.inception_splits, splits(inception_images)),
        fid_images=number(section.fid_images, min(INCEPTION_IMAGES, half)),
        mirror=mirror if section.mirror == "auto" else section.mirror,
        seed=section.seed,
    )


def splits(images: int) -> int:
    """Parts of so many images: at most ten, and none of a few images alone."""
    return max(1, min(SPLITS, images // SPLIT_IMAGES))


def has_floor(compared: int, images: int) -> bool:
    """Whether a data set of so many images has others that those compared are scored against."""
    return images >= FLOOR_FROM and 2 * compared <= images


def excess(protocol: Protocol, images: int, stacked: bool) -> Iterator[str]:
    """What is more than so many images of a data set allow, each with the number that would do."""
    of_half = f"half of {images} images, as the floor takes as many others"
    most = {
        "swd_images": (images // 2, of_half),
        "ms_ssim_pairs": (images // 4, of_half),
        "classifier_splits": (protocol.images, "the images that are scored"),
    }
    if protocol.inception:
        most["inception_images"] = images, "the images of the data set"
        most["inception_splits"] = protocol.inception_images, "score.inception_images"
        most["fid_images"] = images, "the images of the data set"
    if stacked:
        most["mode_samples"] = images, "the images of the data set"
    for name, (limit, why) in most.items():
        found = getattr(protocol, name)
        if found > limit:
            yield f"score.{name}: {found} is not <= {limit} ({why}); set it to {limit} or auto"


class ReferenceSection(Section):
    """The section `reference`: the classifier of the data set's own labels, or of its digits."""

    classifier_kimg: SomeKimg  # labelled images shown
    classifier_learning_rate: LearningRate
    seed: Seed
