"""The stage prepare, with a mark after every batch; a byte in the file LOG for each image decoded.

python preparing.py LOG
"""

import os
import sys
import time
from functools import partial
from typing import Any

from pgpipe.commands import app as cli
from pgpipe.data.preparing import keeping, squares, writing
from pgpipe.data.preparing.shards import ShardWriter

BATCH = 8  # images
SHARD = 100  # images of the largest resolution


def main() -> None:
    """Run it in the current folder."""
    log = os.open(sys.argv[1], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    square_of = squares.square_of

    def logged(*arguments: Any) -> Any:
        os.write(log, b".")
        time.sleep(0.001)  # so that there is time to be killed
        return square_of(*arguments)

    vars(squares).update(square_of=logged, BATCH_IMAGES=BATCH)
    vars(writing).update(ShardWriter=partial(ShardWriter, shard_bytes=SHARD * 16 * 16 * 3))
    vars(keeping).update(MARK_SECONDS=0.0, MARK_SHARE=float("inf"))
    sys.argv = ["pgpipe", "prepare"]
    cli.main()


if __name__ == "__main__":
    main()
