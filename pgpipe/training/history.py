"""The history of a model: one row a tick, over all phases that led to it.

It holds no times, so that it is the same bytes whenever and wherever it is computed.
"""

import csv
import io
from pathlib import Path
from typing import Any

from pgpipe.plumbing.files import write_bytes

Row = dict[str, Any]

PLACE = ("kimg", "phase", "resolution", "fade")  # where in the growth a row is
COLUMNS = (
    *PLACE, "minibatch", "learning_rate", "loss_d", "loss_g",
    "score_real", "score_fake", "gradient_norm", "label_loss",
)  # fmt: skip


def write_history(path: Path, rows: list[Row]) -> None:
    """Write rows as CSV with `COLUMNS`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())
