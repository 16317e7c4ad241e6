"""What two scores have to share to be compared: the fingerprint of how they were made.

Sets of other numbers of images, of another resolution, or scored by another version of a metric
have another fingerprint, and so have those that are compared with mirrored reals. Another seed
keeps it: its scores differ within their spread.
"""

from collections.abc import Mapping

from pgpipe.metrics.config import Protocol
from pgpipe.plumbing.hashes import sha256_json

DIGITS = 12  # of the fingerprint
CLASSIFIED = ("swd_images", "ms_ssim_pairs")  # the larger need decides how many images are

# Each score's version, to be raised whenever the same images score otherwise by more than rounding
# and chance, and the numbers that decide it.
PROTOCOLS: dict[str, tuple[int, tuple[str, ...]]] = {
    "swd": (1, ("swd_images",)),
    "ms_ssim": (1, ("ms_ssim_pairs",)),
    "classifier_score": (1, (*CLASSIFIED, "classifier_splits")),
    "label_accuracy": (1, CLASSIFIED),
    "modes_found": (1, ("mode_samples", "mode_evaluations")),
    "mode_kl": (1, ("mode_samples", "mode_evaluations")),
    "inception_score": (1, ("inception_images", "inception_splits")),
    "fid": (1, ("fid_images",)),
    "kid": (1, ("fid_images",)),
    "precision": (1, ("fid_images",)),
    "recall": (1, ("fid_images",)),
}


def facts(found: Mapping[str, float], numbers: Protocol, resolution: int) -> dict[str, int | str]:
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


def fingerprint(found: Mapping[str, float], numbers: Protocol, resolution: int) -> str:
    """Twelve hexadecimal digits: of each score's version and numbers, resolution and mirroring."""
    kinds = {kind for kind in PROTOCOLS if any(name.startswith(kind) for name in found)}
    decided = {
        kind: [version, {field: getattr(numbers, field) for field in fields}]
        for kind, (version, fields) in PROTOCOLS.items()
        if kind in kinds
    }
    mirrored = ["mirrored"] if numbers.mirror else []
    return sha256_json([resolution, decided, *mirrored])[:DIGITS]
