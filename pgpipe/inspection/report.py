"""What a look at a data set tells, as JSON has it."""

from pgpipe.config import Section


class Rejected(Section):
    """What gives no image for training."""

    files: int
    reasons: dict[str, int]  # how many files each
    listed: list[tuple[str, str]]  # name and reason of the first


class Stored(Section):
    """How the images that can be decoded are stored: counts."""

    formats: dict[str, int]
    modes: dict[str, int]
    marks: dict[str, int]  # colour profiles, animations, ...; an image may have several


class Sizes(Section):
    """Pixels of the images that can be decoded."""

    smallest: tuple[int, int]  # width, height; by area
    largest: tuple[int, int]
    median_side: float  # of the shorter sides
    enlarged: int  # images whose square has fewer pixels than dataset.resolution
    by_side: dict[str, int]  # shorter sides between powers of two
    common: dict[str, int]  # the most frequent sizes


class Aspect(Section):
    """Width over height of the images."""

    smallest: float
    median: float
    largest: float
    by_shape: dict[str, int]


class Crops(Section):
    """What each crop policy would do to the images that can be decoded.

    The share of an image that `center` cuts away is that of its square which `pad` leaves empty:
    1 - shorter side / longer side.
    """

    outside: float  # the mean of that share
    outside_most: float
    celeba_refused: int  # images of another size than 178x218


class Labels(Section):
    """Classes of the images for training; none where all have one label."""

    classes: int
    smallest: str
    largest: str
    images: dict[str, int]


class Groups(Section):
    """Images that are alike."""

    groups: int
    surplus: int  # images but for one of each group
    across_labels: int  # groups with more than one label
    listed: list[list[str]]  # the first names of the largest groups


class Duplicates(Section):
    """Images for training that are equal files or pixels, or whose squares look alike."""

    exact: Groups  # by the SHA-256 of the file, or of the pixels where there is none
    near: Groups  # of different files: chains of hashes at most `near_bits` of 64 apart
    near_bits: int
    complete: bool  # whether all near-duplicates were looked for


class Estimate(Section):
    """Bytes that the run of params.yaml takes."""

    disk: dict[str, int]
    free: int
    memory: dict[str, int]


class Report(Section):
    """All that is said of a data set."""

    name: str
    path: str
    resolution: int
    color: str
    crop: str
    warnings: list[str]
    images: int  # for training
    bytes: int  # as published, of all files
    rejected: Rejected
    stored: Stored
    sizes: Sizes
    aspect: Aspect
    crops: Crops
    labels: Labels
    duplicates: Duplicates
    estimate: Estimate
