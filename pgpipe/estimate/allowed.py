"""What params.yaml asks of the data, and whether they allow it.

`check` asks it of what is known of them beforehand; `gate` and `init`, the first stages on the two
ways that lead on from `prepare`, of the images that were prepared. No later stage has a condition
of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import Field

from pgpipe.config import MOST_IMAGES, PARAMS_FILE, Section
from pgpipe.errors import UsageError
from pgpipe.gan.config import Conditioning, QuickImages, SampleSection, TrainSection
from pgpipe.metrics.config import FEWEST, Protocol, ScoreSection, excess, protocol_for
from pgpipe.plumbing.terminal import counted


class Data(NamedTuple):
    """A data set, as far as it is known."""

    images: int | None
    labels: int | None
    stacked: bool  # whether the labels are the modes of the discrete-mode test
    captions: int | None = 0  # that differ; None: some, and it is not known how many


class Asked(Section):
    """The parameters that ask something of the data."""

    sample: SampleSection
    score: ScoreSection
    conditioning: Conditioning = Field(alias="train.label_conditioning")
    quick_images: QuickImages = Field(alias="train.quick_images")


def asked(sample: SampleSection, score: ScoreSection, train: TrainSection) -> Asked:
    """The parameters that ask something of the data, from whole sections."""
    of_training = {
        "train.label_conditioning": train.label_conditioning,
        "train.quick_images": train.quick_images,
    }
    return Asked.model_validate({"sample": sample, "score": score, **of_training})


def require(asked: Asked, data: Data, source: str = str(PARAMS_FILE)) -> None:
    """Refuse parameters that the data do not allow, naming values that would do.

    Raises:
        UsageError: all that is refused, in one line.
    """
    found = "; ".join(refusals(asked, data))
    if found:
        raise UsageError(f"{source}: {found}")


def refusals(asked: Asked, data: Data) -> Iterator[str]:
    """What the data do not allow; of numbers that are not known yet, nothing is said."""
    if data.images is not None and data.images < FEWEST:
        found = counted(data.images, "image", verb=True)
        yield f"{found} not >= {FEWEST}: too few to train on and score; add some"
        return
    if data.images is not None:
        protocol = protocol_for(asked.score, data.images)
        yield from excess(protocol, data.images, data.stacked)
        yield from of_quick_scores(asked, data.images)
    else:  # what `auto` is at least
        protocol = protocol_for(asked.score, FEWEST)
    yield from of_samples(asked.sample, protocol, data.stacked)
    yield from of_labels(asked.conditioning, data)


def of_quick_scores(asked: Asked, images: int) -> Iterator[str]:
    """Quick scores compare half of the data with the other half at most."""
    most = images // 2 // 2 * 2  # whole pairs
    if isinstance(asked.quick_images, int) and asked.quick_images > most:
        yield (
            f"train.quick_images: {asked.quick_images} is not <= {most} (half of {images} images); "
            f"set it to {most} or auto"
        )


def of_samples(sample: SampleSection, protocol: Protocol, stacked: bool) -> Iterator[str]:
    """Each score needs as many samples as it scores."""
    for why, needed in protocol.needs(stacked).items():
        if needed > MOST_IMAGES:
            yield f"{why}: {needed} images are not <= {MOST_IMAGES}, as many as can be sampled"
        elif isinstance(sample.images, int) and sample.images < needed:
            yield (
                f"sample.images: {sample.images} is not >= {needed}, which score needs ({why}); "
                f"set it to {needed} or auto"
            )


def of_labels(conditioning: Conditioning, data: Data) -> Iterator[str]:
    """Labels that G is to be conditioned on have to be there, and two: one says nothing.

    Captions that differ take their place, of which none is a class.
    """
    if conditioning in ("auto", False):
        return
    if data.captions is None or data.captions > 1:
        if conditioning == "acgan":
            yield (
                "train.label_conditioning: acgan names classes, and captions are none; set it to "
                "auto, matching, projection or joint, or dataset.captions to none"
            )
        return
    if data.stacked:
        yield (
            f"train.label_conditioning: {conditioning} is not auto or false: the discrete-mode "
            "test is about modes that a generator finds without labels"
        )
    elif data.labels is not None and data.labels < 2:
        found = "one label" if data.labels else "no labels"
        yield (
            f"train.label_conditioning: {conditioning} has no use for {found} (two subfolders of "
            "images make two); set it to auto or false"
        )
