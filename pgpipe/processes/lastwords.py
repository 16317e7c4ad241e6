"""What a process of several has to say when it fails, in the file that torch's launcher names.

So one line is printed for all, by the launcher, who knows which of them failed first.
"""

import os
import time
from pathlib import Path

from pgpipe.files import read_json, write_json

VARIABLE = "TORCHELASTIC_ERROR_FILE"


def leave(message: str) -> bool:
    """Write the message for the launcher; False where there is none."""
    file = os.environ.get(VARIABLE)
    if file is not None:
        write_json(Path(file), {"message": message, "timestamp": int(time.time())})
    return file is not None


def left(logs: Path) -> dict[int, str]:
    """The messages below the launcher's folder of logs, by the number of the process."""
    files = logs.glob("*/attempt_0/*/error.json")
    return {int(file.parent.name): read_json(file)["message"] for file in files}
