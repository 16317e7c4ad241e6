"""The section `dataset`: which images, and how they become squares."""

from typing import Literal

from pydantic import Field, model_validator

from pgpipe.config import PowerOfTwo, Section

PHOTOS = 10  # photographs, each a class
PHOTOS_LARGEST = 256  # pixels
STACKS_SIDE = 32  # pixels

Name = Literal[
    "photos",
    "digits-1k",
    "mnist-1k",
    "cifar10",
    "cifar100",
    "mnist",
    "fashion-mnist",
    "svhn",
    "stl10",
    "stl10-unlabelled",
    "oxford-flowers",
    "celeba",
    "afhq",
    "celeba-hq",
    "ffhq",
    "lsun",
    "folder",
    "zip",
    "tar",
    "webdataset",
    "hdf5",
    "npz",
    "parquet",
    "tfrecords",
]


class DatasetSection(Section):
    """The section `dataset`."""

    name: Name
    path: str = Field(min_length=1)  # the user's files: a folder, or a file of the data set
    resolution: PowerOfTwo = Field(ge=8, le=1024)  # pixels of the largest prepared images
    color: Literal["rgb", "gray"]
    crop: Literal["center", "pad", "celeba"]  # largest centred square; all with borders; CelebA's
    images_per_class: int = Field(ge=1)  # photos: windows cut from each photograph
    stacks: int = Field(ge=1, le=1 << 24)  # digits-1k, mnist-1k: images made [paper's code 1000000]
    max_rejected: int = Field(ge=0)  # unreadable images that are skipped before it is an error
    seed: int = Field(ge=0)  # photos: where the windows lie; digits-1k, mnist-1k: which are stacked

    @model_validator(mode="after")
    def photos_have_enough_pixels(self) -> "DatasetSection":
        """No window into the photographs is enlarged."""
        if self.name == "photos" and self.resolution > PHOTOS_LARGEST:
            raise ValueError(
                f"resolution: {self.resolution} is not <= {PHOTOS_LARGEST}, what photos has"
            )
        return self

    @model_validator(mode="after")
    def stacks_are_of_one_form(self) -> "DatasetSection":
        """Three digits of 32x32, one in each colour."""
        if self.stacked and self.resolution != STACKS_SIDE:
            raise ValueError(
                f"resolution: {self.resolution} is not {STACKS_SIDE}, what {self.name} has"
            )
        if self.stacked and self.color != "rgb":
            raise ValueError(f"color: {self.color} is not rgb, the three digits of {self.name}")
        return self

    @property
    def channels(self) -> Literal[1, 3]:
        """Of a prepared image."""
        return 1 if self.color == "gray" else 3

    @property
    def stacked(self) -> bool:
        """Whether an image is three digits and its label a mode: the discrete-mode test."""
        return self.name in ("digits-1k", "mnist-1k")
