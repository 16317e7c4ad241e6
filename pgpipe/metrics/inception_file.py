"""The public weight file of Inception-v3 of 2015-12-05: its name, its hash, where it lies.

It lies outside of what DVC tracks, and no stage's `deps` name it: its hash stands here, in code
that they do name, and a file of other content is refused. So whether it is there decides if a
stage can run, never what the stage makes.
"""

from pathlib import Path

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.metrics.table import names
from pgpipe.plumbing.hashes import sha256
from pgpipe.plumbing.project import project_root

NAME = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
MEGABYTES = 96  # rounded up
URLS = (  # the same bytes, from pytorch-fid and from torch-fidelity
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{NAME}",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
)
SCORES = ", ".join(names("features"))  # what takes this network


def path() -> Path:
    """Where the file lies: in the main checkout, also of an experiment's workspace."""
    return project_root() / ".pgpipe" / "weights" / NAME


def read() -> bytes:
    """Return the content of the file.

    Raises:
        UsageError: it is missing.
        IntegrityError: it has another hash.
    """
    try:
        data = path().read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"{path()}: not found, and score.inception or --inception asks for {SCORES}; "
            "run `pgpipe weights`"
        ) from None
    found = sha256(data)
    if found != SHA256:
        raise IntegrityError(
            f"{path()}: its SHA-256 is {found}, not {SHA256}; run `pgpipe weights`"
        )
    return data
