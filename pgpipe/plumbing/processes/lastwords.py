"""What a process of several has to say when it fails, in the file that torch's launcher names.

So one line is printed for all, by the launcher, who knows which of them failed first.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import write_json

VARIABLE = "TORCHELASTIC_ERROR_FILE"


class Words(NamedTuple):
    """How a process meant to end, even if the launcher stopped it on its way out."""

    code: int
    message: str


def leave(code: int, message: str) -> bool:
    """Write exit code and message for the launcher; False where there is none."""
    file = os.environ.get(VARIABLE)
    if file is not None:
        write_json(Path(file), {"message": message, "code": code, "timestamp": int(time.time())})
    return file is not None


def left(logs: Path) -> dict[int, Words]:
    """What is below the launcher's folder of logs, by the number of the process."""
    found = {
        int(file.parent.name): sealed.read_json(file)
        for file in logs.glob("*/attempt_0/*/error.json")
    }
    return {rank: Words(words["code"], words["message"]) for rank, words in found.items()}
