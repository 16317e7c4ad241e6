"""The sections `reference` and `score`: the protocol of the scores."""

from pydantic import Field

from pgpipe.config import Section


class ScoreSection(Section):
    """The section `score`. Scores of unequal numbers of images do not compare."""

    swd_images: int = Field(ge=2)  # reals, and as many fakes [paper 16384]
    ms_ssim_pairs: int = Field(ge=1)  # pairs of generated images [paper 10000]
    classifier_splits: int = Field(ge=1)  # parts whose scores give mean and deviation [paper 10]
    mode_samples: int = Field(ge=1)  # discrete-mode test: images of an evaluation [paper 25600]
    mode_evaluations: int = Field(ge=1)  # whose scores give mean and deviation [paper 10]
    seed: int = Field(ge=0)  # of patches, directions, and the choice of reals

    @property
    def images(self) -> int:
        """Generated images that the scores need."""
        return max(self.swd_images, 2 * self.ms_ssim_pairs)

    @property
    def mode_images(self) -> int:
        """Generated images that the discrete-mode test needs."""
        return self.mode_samples * self.mode_evaluations


class ReferenceSection(Section):
    """The section `reference`: the classifier of the data set's own labels, or of its digits."""

    classifier_kimg: float = Field(gt=0)  # labelled images shown
    classifier_learning_rate: float = Field(gt=0)
    seed: int = Field(ge=0)
