"""The metrics, one row each: everything that is said of a score anywhere is read from here.

A row says what a score is called and means, which way is better, what the reals' own value of it
means, which numbers of the protocol decide it, and which function computes it from what. Functions
are imported by name, so that parameters can be checked without torch.

To add a metric, write a file with a function (see `Metric.compute`), and a row here.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

CLASSIFIED = ("swd_images", "ms_ssim_pairs")  # the larger need decides how many are classified
MODES = ("mode_samples", "mode_evaluations")


class Metric(NamedTuple):
    """What is to be known of a score. `{...}` in `meaning` are numbers of reports/metrics.json.

    `compute` is `module:function`, called with the arguments that `of` says, and returns the scores
    that it gives by their names (several rows may name one function):

        images      (fakes, reals or None, protocol, device, group): both uint8 [N, R, R, C]; where
                    reals is None there are none to compare with, and distances are None
        features    (fakes, reals or None, protocol): `features.Features` of the images by
                    the Inception network, and pooled features [N, 2048] of reals
        classifier  (probabilities, labels or None, protocol): of the images, by the data set's
                    classifier [N, classes], and the labels that they were drawn with int64 [N]
        labelled    (images, labels, protocol, device): uint8 [N, R, R, C] and the labels that they
                    were drawn with, int64 [N]
        captions    (vectors, numbers, known, protocol): of images, by the network of `retrieval`
                    [N, E], the numbers of their captions int64 [N], captions to compare
        digits      (classifier, evaluations): the digits' classifier, streams of images
        reconstructions  (originals, reconstructions, reals or None, protocol, device, group): what
                    an encoder and its decoder make of originals, of whom there may be fewer
    """

    title: str  # on the page
    short: str  # as a heading in tables and figures
    meaning: str
    own: Literal["floor", "real"]  # the reals' value: of a distance a floor, else their own
    of: Literal[
        "images", "features", "classifier", "labelled", "captions", "digits", "reconstructions"
    ]
    compute: str
    numbers: tuple[str, ...]  # of the protocol, that decide it
    version: int = 1  # raised where the same images score otherwise by more than rounding, chance
    higher_is_better: bool = False
    digits: int = 2  # after the point
    quick: str = ""  # its name among quick scores, by which `train.select` may choose; "": none


INCEPTION = "pgpipe.metrics.inception_scores"

METRICS = {
    "swd": Metric(
        title="Sliced Wasserstein distance x 10³",
        short="SWD",
        meaning="lower is better, the reals' is the floor",
        own="floor",
        of="images",
        compute="pgpipe.metrics.swd:scores",
        numbers=("swd_images",),
        quick="swd_avg",
    ),
    "ms_ssim": Metric(
        title="MS-SSIM of pairs",
        short="MS-SSIM",
        meaning="as low as the reals': as much variation as they have",
        own="real",
        of="images",
        compute="pgpipe.metrics.ms_ssim:scores",
        numbers=("ms_ssim_pairs",),
        digits=4,
        quick="ms_ssim",
    ),
    "inception_score": Metric(
        title="Inception score",
        short="Inception score",
        meaning="of {inception_images} images, by Inception-v3 of 2015-12-05; higher is better",
        own="real",
        of="features",
        compute=f"{INCEPTION}:of_labels",
        numbers=("inception_images", "inception_splits"),
        higher_is_better=True,
        quick="inception_score",
    ),
    "fid": Metric(
        title="Fréchet Inception distance",
        short="FID",
        meaning="of the features of {fid_images} images and as many reals; lower is better",
        own="floor",
        of="features",
        compute=f"{INCEPTION}:of_distances",
        numbers=("fid_images",),
        quick="fid",
    ),
    "kid": Metric(
        title="Kernel Inception distance",
        short="KID",
        meaning="of the same features, without bias: equal distributions have 0 on average; lower "
        "is better",
        own="floor",
        of="features",
        compute=f"{INCEPTION}:of_distances",
        numbers=("fid_images",),
        digits=4,
    ),
    "precision": Metric(
        title="Precision",
        short="precision",
        meaning="share of {fid_images} images within the reals' manifold: how good they are; "
        "higher is better",
        own="real",
        of="features",
        compute=f"{INCEPTION}:of_distances",
        numbers=("fid_images",),
        higher_is_better=True,
        digits=3,
    ),
    "recall": Metric(
        title="Recall",
        short="recall",
        meaning="share of {fid_images} reals within the images' manifold: how varied these are; "
        "higher is better",
        own="real",
        of="features",
        compute=f"{INCEPTION}:of_distances",
        numbers=("fid_images",),
        higher_is_better=True,
        digits=3,
    ),
    "classifier_score": Metric(
        title="Classifier score",
        short="classifier score",
        meaning="higher is better; of a small classifier trained on these labels, no Inception "
        "score",
        own="real",
        of="classifier",
        compute="pgpipe.metrics.classifier:scores",
        numbers=(*CLASSIFIED, "classifier_splits"),
        higher_is_better=True,
    ),
    "label_accuracy": Metric(
        title="Label accuracy",
        short="label accuracy",
        meaning="share of images that this classifier gives the label they were drawn with; the "
        "held-out reals' is the ceiling",
        own="real",
        of="classifier",
        compute="pgpipe.metrics.classifier:scores",
        numbers=CLASSIFIED,
        higher_is_better=True,
        digits=3,
    ),
    "class_ms_ssim": Metric(
        title="MS-SSIM of pairs of one class",
        short="class MS-SSIM",
        meaning="as low as the reals': as much variation within a class as they have",
        own="real",
        of="labelled",
        compute="pgpipe.metrics.ms_ssim:scores_within_classes",
        numbers=("ms_ssim_pairs",),
        digits=4,
    ),
    "caption_retrieval": Metric(
        title="Caption found among 100",
        short="caption retrieval",
        meaning="how often an image's own caption fits it best of 100, by a small network trained "
        "on reals with other captions; higher is better, the held-out reals' is the ceiling",
        own="real",
        of="captions",
        compute="pgpipe.metrics.retrieval:scores",
        numbers=CLASSIFIED,
        higher_is_better=True,
        digits=3,
    ),
    "modes_found": Metric(
        title="Modes found",
        short="modes",
        meaning="of 1000, by a classifier of digits on each channel of {mode_samples} images; mean "
        "of {mode_evaluations} evaluations; higher is better",
        own="real",
        of="digits",
        compute="pgpipe.metrics.modes:scores",
        numbers=MODES,
        higher_is_better=True,
        digits=1,
    ),
    "mode_kl": Metric(
        title="KL to uniform",
        short="KL",
        meaning="of the modes of {mode_samples} images; lower is better; the reals' is what so "
        "many random draws leave",
        own="real",
        of="digits",
        compute="pgpipe.metrics.modes:scores",
        numbers=MODES,
        digits=3,
    ),
    "reconstruction_error": Metric(
        title="Reconstruction error",
        short="reconstruction error",
        meaning="root mean squared difference of 8-bit pixels between {reconstructed} "
        "{reconstructed_are} images and their decoded codes; lower is better",
        own="floor",
        of="reconstructions",
        compute="pgpipe.metrics.reconstruction:scores",
        numbers=("swd_images",),
    ),
    "reconstruction_swd": Metric(
        title="SWD x 10³ of reconstructions",
        short="SWD of reconstructions",
        meaning="as of generated images: what the decoder could do with better codes; lower is "
        "better",
        own="floor",
        of="reconstructions",
        compute="pgpipe.metrics.reconstruction:scores",
        numbers=("swd_images",),
    ),
}
QUICK = {metric.quick: metric for metric in METRICS.values() if metric.quick}


def name_of(score: str) -> str:
    """Return the metric that a score is of: `swd_64_low` is of `swd`; "" of none."""
    return max(
        (name for name in METRICS if f"{score}_".startswith(f"{name}_")), key=len, default=""
    )


def metric_of(score: str) -> Metric:
    """Return the row of the metric that a score is of."""
    return METRICS[name_of(score)]


def names(of: str) -> list[str]:
    """Return the metrics that are computed from one kind of input."""
    return [name for name, metric in METRICS.items() if metric.of == of]


def computed(of: str) -> Iterator[str]:
    """Yield the functions that compute from one kind of input, each once."""
    yield from dict.fromkeys(metric.compute for metric in METRICS.values() if metric.of == of)
