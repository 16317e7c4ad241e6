"""The section `dataset`: which images, and how they become squares."""

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pgpipe.config import (
    MOST_IMAGES,
    PowerOfTwo,
    Section,
    Seed,
    require_no_nul,
)
from pgpipe.data.sources.catalogue import sources
from pgpipe.plumbing.project import in_main_checkout

PHOTOS = 10  # photographs, each a class
PHOTOS_LARGEST = 256  # pixels
STACKS_SIDE = 32  # pixels
CAPTIONED = ("emoji",)  # which have captions of their own
MADE = ("photos", "digits-1k", "mnist-1k")  # from what is embedded, or from single digits
NO_FILE = ("", "source", "none")
MOST_CHOSEN = 1 << 31  # images of a source: as many as one number can be drawn among

if TYPE_CHECKING:
    Name = str
else:
    Name = Literal[tuple(sources())]  # see sources/catalogue.yaml


def require_colour(text: str) -> str:
    """Pass a colour on as it is."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is not a colour such as '#ffffff'")
    return text


def named(*kinds: str, words: tuple[str, ...] = ("",)) -> AfterValidator:
    """The name of a file, or a word that stands for none."""

    def require(text: str) -> str:
        if text not in words and (PurePath(text).name != text or not text.endswith(kinds)):
            others = "".join(f"{word!r}, " for word in words)
            raise ValueError(f"{text!r} is not {others}or the name of a {' or '.join(kinds)} file")
        return text

    return AfterValidator(lambda text: require(require_no_nul(text)))


Colour = Annotated[str, AfterValidator(require_colour)]
Labels = Annotated[str, named(".csv", ".json", words=("source", "none"))]
Captions = Annotated[str, named(".csv", words=("source", "none"))]


class DatasetSection(Section):
    """The section `dataset`. Files are in the folder or zip `path`."""

    name: Name
    path: Annotated[str, Field(min_length=1), AfterValidator(require_no_nul)]  # the user's files
    verify: bool  # whether a copy of a published file has to be that; false: take it all the same
    labels: Labels  # source (folders, or the set's own), none, or a file of them
    captions: Captions  # source (the set's own, if it has some), none, or a file of them
    classes: tuple[str, ...] = Field(strict=False)  # images of these labels alone; none: of all
    list: Annotated[str, named(".txt")]  # of names: these images alone
    images: int = Field(ge=0, le=MOST_CHOSEN)  # as many of them, drawn by `seed`, evenly; 0: all
    resolution: PowerOfTwo = Field(ge=8, le=1024)  # pixels of the largest prepared images
    color: Literal["rgb", "gray"]
    background: Colour  # under what is transparent
    crop: Literal["center", "pad", "celeba", "box"]  # largest square; all; CelebA's; of `boxes`
    border: Colour  # around what is padded
    # 0, or the side that squares get by Lanczos first, before 2x2 boxes [LSUN: 256]
    lanczos_resolution: int = Field(ge=0, le=1024)
    boxes: Annotated[str, named(".csv")]  # name,left,top,width,height
    images_per_class: int = Field(ge=1, le=1 << 20)  # photos: windows cut from each photograph
    stacks: int = Field(ge=1, le=MOST_IMAGES)  # digits-1k, mnist-1k: images made [1000000]
    # Unreadable images that are skipped before it is an error.
    max_rejected: int = Field(ge=0, le=MOST_CHOSEN)
    held_out: float = Field(ge=0, le=0.5)  # share of the images that training never sees
    seed: Seed  # of what is drawn: windows, stacks, `images`, what is held out

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
        if self.stacked and self.held_out:
            raise ValueError(
                f"held_out: {self.held_out} is not 0: {self.name} are all stacks of the same digits"
            )
        if self.stacked and self.color != "rgb":
            raise ValueError(f"color: {self.color} is not rgb, the three digits of {self.name}")
        return self

    @model_validator(mode="after")
    def boxes_are_given_where_they_are_cut(self) -> "DatasetSection":
        """One without the other would do nothing."""
        if self.crop == "box" and not self.boxes:
            raise ValueError("boxes: crop: box needs the name of a .csv file")
        if self.crop != "box" and self.boxes:
            raise ValueError(f"boxes: {self.boxes!r} is not '': crop is {self.crop}, not box")
        return self

    @model_validator(mode="after")
    def lanczos_comes_before_boxes(self) -> "DatasetSection":
        """The filter makes one square; halving it gives the others."""
        size = self.lanczos_resolution
        if not size:
            return self
        if size < self.resolution or size & (size - 1):
            raise ValueError(
                f"lanczos_resolution: {size} is neither 0 nor a power of two >= resolution "
                f"({self.resolution})"
            )
        if self.name in MADE or self.crop not in ("center", "box"):
            raise ValueError(
                f"lanczos_resolution: {size} is not 0: it has a use with crop center or box, of "
                "images that are not made here"
            )
        return self

    @model_validator(mode="after")
    def classes_are_of_labels(self) -> "DatasetSection":
        """Without labels there are no classes."""
        if self.classes and self.labels == "none":
            raise ValueError("classes: there are none, as labels is none")
        return self

    @model_validator(mode="after")
    def made_images_are_not_chosen(self) -> "DatasetSection":
        """What this project makes from photographs and digits has its own numbers and labels."""
        if self.name in MADE:
            usual = {"labels": "source", "classes": (), "list": "", "images": 0}
            for key, value in {**usual, "captions": "source"}.items():
                if getattr(self, key) != value:
                    raise ValueError(f"{key}: {self.name} are made as they are, so it has no use")
            if self.crop != "center":
                raise ValueError(f"crop: {self.name} are squares, so {self.crop} has no use")
        return self

    @property
    def location(self) -> Path:
        """Where the user's files are, in every workspace of the project."""
        return in_main_checkout(self.path)

    @property
    def tables(self) -> dict[str, str]:
        """The files that say more of the images, by parameter."""
        files = {key: getattr(self, key) for key in ("labels", "captions", "boxes", "list")}
        return {key: name for key, name in files.items() if name not in NO_FILE}

    @property
    def captioned(self) -> bool:
        """Whether images have captions: a file's, or the set's own."""
        own = self.captions == "source" and self.name in CAPTIONED
        return own or self.captions not in NO_FILE

    @property
    def channels(self) -> Literal[1, 3]:
        """Return the channels of a prepared image: 1 or 3."""
        return 1 if self.color == "gray" else 3

    @property
    def unlabelled(self) -> bool:
        """Whether no image has a label, which all others may have."""
        bare = self.name == "stl10-unlabelled" and self.labels == "source"
        return self.labels == "none" or bare

    @property
    def stacked(self) -> bool:
        """Whether an image is three digits and its label a mode: the discrete-mode test."""
        return self.name in MADE and self.name != "photos"
