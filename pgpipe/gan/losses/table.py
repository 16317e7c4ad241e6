"""The losses by the names that `train.loss` may have: one row per file beside this one.

A file is imported by its name, so that a training depends on the loss that it uses. To add a loss,
write a file with a `LOSS` (see `loss`), and a row here.
"""

LOSSES = {
    "wgan-gp": "pgpipe.gan.losses.wgan_gp",
    "minimax": "pgpipe.gan.losses.minimax",
    "non-saturating": "pgpipe.gan.losses.non_saturating",
    "lsgan": "pgpipe.gan.losses.lsgan",
    "hinge": "pgpipe.gan.losses.hinge",
    "r1": "pgpipe.gan.losses.r1",
    "relativistic": "pgpipe.gan.losses.relativistic",
}
