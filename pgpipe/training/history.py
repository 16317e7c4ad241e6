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


def write_history(path: Path, rows: list[Row]) -> None:
    """Write rows as CSV; their columns are where they are in the growth, and the statistics."""
    text, columns = io.StringIO(), dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())
