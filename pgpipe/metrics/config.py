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
    inception: bool  # also what takes the Inception network, which `pgpipe weights` fetches
    inception_images: int = Field(ge=1)  # generated images of the Inception score [paper 50000]
    inception_splits: int = Field(ge=1)  # parts whose scores give mean and deviation [paper 10]
    fid_images: int = Field(ge=4)  # of FID, KID, precision, recall: reals, and as many fakes
    seed: int = Field(ge=0)  # of patches, directions, subsets, and the choice of reals

    @property
    def images(self) -> int:
        """Generated images that the scores need which take no Inception network."""
        return max(self.swd_images, 2 * self.ms_ssim_pairs)

    @property
    def inception_fakes(self) -> int:
        """Generated images that the Inception network sees."""
        return max(self.inception_images, self.fid_images) if self.inception else 0

    @property
    def inception_reals(self) -> int:
        """Images of the data set that it takes to score them: FID's floor needs as many again."""
        return max(self.inception_images, 2 * self.fid_images) if self.inception else 0

    @property
    def mode_images(self) -> int:
        """Generated images that the discrete-mode test needs."""
        return self.mode_samples * self.mode_evaluations


class ReferenceSection(Section):
    """The section `reference`: the classifier of the data set's own labels, or of its digits."""

    classifier_kimg: float = Field(gt=0)  # labelled images shown
    classifier_learning_rate: float = Field(gt=0)
    seed: int = Field(ge=0)
