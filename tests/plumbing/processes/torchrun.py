"""A script in several processes, as torchrun starts them."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]


def run(script: Path, *arguments: str, processes: int) -> None:
    """Run it to its end, which has to be a good one; alone without torchrun."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else [])]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [*command, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
