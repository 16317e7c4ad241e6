"""Numbers that are not finite: found within 50 steps, never saved, and gone back from once.

A chance fault, such as a bit that flips, does not come again after going back: the phase ends with
the bits that it would have had. What comes again is a training that diverges.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pgpipe.plumbing.files import write_json

EVERY_STEPS = 50
RECORD = "rollback.json"


class NotFiniteError(Exception):
    """Names a tensor with such a number. The training handles it: no user sees it."""


def not_finite(named: Mapping[str, Tensor]) -> str | None:
    """The first floating-point tensor with NaN or infinity, if any; one look at all of them."""
    floats = {name: x for name, x in named.items() if x.is_floating_point() and x.numel()}
    largest = torch._foreach_norm(list(floats.values()), torch.inf)
    finite = torch.stack([x.float() for x in largest]).isfinite()
    return None if finite.all() else list(floats)[int((~finite).nonzero()[0])]


def rolled_back(folder: Path) -> bool:
    """Whether the phase whose states are in `folder` went back before."""
    return (folder / RECORD).exists()


def note_rollback(folder: Path, tensor: str, kimg: float) -> None:
    """Record that a phase goes back to its last good state, and why."""
    write_json(folder / RECORD, {"tensor": tensor, "kimg": kimg})
