"""Numbers that are not finite: found within 50 steps, never saved, and gone back from once.

A chance fault, such as a bit that flips, does not come again after going back: the phase ends with
the bits that it would have had. What comes again is a training that diverges.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pgpipe.errors import DivergedError
from pgpipe.files import write_json

EVERY_STEPS = 50
RECORD = "rollback.json"


class NotFiniteError(Exception):
    """Names the first tensor with such a number. The training handles it: no user sees it."""


def require_finite(named: Mapping[str, Tensor]) -> None:
    """Raise NotFiniteError where a floating-point tensor has NaN or infinity; one look at all."""
    floats = {name: x for name, x in named.items() if x.is_floating_point() and x.numel()}
    largest = torch._foreach_norm(list(floats.values()), torch.inf)
    finite = torch.stack([x.float() for x in largest]).isfinite()
    if not finite.all():
        raise NotFiniteError(list(floats)[int((~finite).nonzero()[0])])


def note_rollback(folder: Path, phase: str, tensor: str, kimg: float) -> None:
    """Record that a phase goes back to its last good state.

    Raises:
        DivergedError: it did so before.
    """
    if (folder / RECORD).exists():
        raise DivergedError(
            f"{phase}: {tensor} is not finite at {kimg:g} kimg, once more after a rollback; lower "
            "the learning rate (the last good state is kept)"
        )
    write_json(folder / RECORD, {"phase": phase, "tensor": tensor, "kimg": kimg})
