"""What two scores have to share to be compared: the fingerprint of how they were made.

Sets of other numbers of images, of another resolution, or scored by another version of a metric
have another fingerprint, and so have those that are compared with mirrored reals. Another seed
keeps it: its scores differ within their spread.
"""

from collections.abc import Mapping

from pgpipe.metrics.config import Protocol
from pgpipe.metrics.table import METRICS, name_of
from pgpipe.plumbing.hashes import sha256_json

DIGITS = 12  # of the fingerprint


def facts(
    found: Mapping[str, float | None], numbers: Protocol, resolution: int
) -> dict[str, int | str]:
    """What is stated beside the scores `found`: numbers of images, the seed, the protocol."""
    stated: dict[str, int | str] = {
        "images": numbers.swd_images,
        "pairs": numbers.ms_ssim_pairs,
        "seed": numbers.seed,
        "protocol": fingerprint(found, numbers, resolution),
    }
    if "modes_found" in found:
        stated |= {k: v for k, v in numbers.model_dump().items() if k.startswith("mode_")}
    if "fid" in found:
        stated |= {"inception_images": numbers.inception_images, "fid_images": numbers.fid_images}
    return stated


def fingerprint(found: Mapping[str, float | None], numbers: Protocol, resolution: int) -> str:
    """Twelve hexadecimal digits: of each score's version and numbers, resolution and mirroring.

    Scores of reconstructions are left out: their numbers are those of SWD, and systems with and
    without an encoder have to compare.
    """
    kinds = {name_of(name) for name in found}
    decided = {
        kind: [metric.version, {field: getattr(numbers, field) for field in metric.numbers}]
        for kind, metric in METRICS.items()
        if kind in kinds and metric.of != "reconstructions"
    }
    mirrored = ["mirrored"] if numbers.mirror else []
    return sha256_json([resolution, decided, *mirrored])[:DIGITS]
