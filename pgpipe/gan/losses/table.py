"""The losses by the names that `train.loss` may have: one row per file beside this one.

A file is imported by its name, so that a training depends on the loss that it uses. To add a loss,
write a file with a `LOSS` (see `loss`), and a row here.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """Where a loss is, and what `check` has to know of it without torch."""

    module: str
    held: float = 5.0  # times that a step holds D's feature maps, measured; see `estimate.memory`
    joint: bool = False  # whether it has a term of reals with wrong labels (`Loss.mismatched`)


LOSSES = {
    "wgan-gp": Row("pgpipe.gan.losses.wgan_gp", held=10.3),
    "minimax": Row("pgpipe.gan.losses.minimax", joint=True),
    "non-saturating": Row("pgpipe.gan.losses.non_saturating", joint=True),
    "lsgan": Row("pgpipe.gan.losses.lsgan"),
    "hinge": Row("pgpipe.gan.losses.hinge"),
    "r1": Row("pgpipe.gan.losses.r1", held=9.0, joint=True),
    "relativistic": Row("pgpipe.gan.losses.relativistic", held=12.5),
}
