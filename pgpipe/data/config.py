"""The section `dataset`: which images, and how they become squares."""

from typing import Literal

from pydantic import Field, model_validator

from pgpipe.config import PowerOfTwo, Section

PHOTOS_LARGEST = 256  # pixels


class DatasetSection(Section):
    """The section `dataset`."""

    name: Literal["photos", "folder"]
    path: str = Field(min_length=1)  # folder: a folder or zip of images; subfolders are labels
    resolution: PowerOfTwo = Field(ge=8, le=1024)  # pixels of the largest prepared images
    color: Literal["rgb", "gray"]
    crop: Literal["center", "pad"]  # folder: the largest centred square, or all of it with borders
    images_per_class: int = Field(ge=1)  # photos: windows cut from each photograph
    max_rejected: int = Field(
        ge=0
    )  # folder: unreadable files that are skipped before it is an error
    seed: int = Field(ge=0)  # photos: where the windows lie

    @model_validator(mode="after")
    def photos_have_enough_pixels(self) -> "DatasetSection":
        """No window into the photographs is enlarged."""
        if self.name == "photos" and self.resolution > PHOTOS_LARGEST:
            raise ValueError(
                f"resolution: {self.resolution} is not <= {PHOTOS_LARGEST}, what photos has"
            )
        return self

    @property
    def channels(self) -> Literal[1, 3]:
        """Of a prepared image."""
        return 1 if self.color == "gray" else 3
