"""A signal amid an import, which nothing that is imported can keep for itself."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = """
import time
try:
    print("importing", flush=True)
    time.sleep(1)
except BaseException:
    pass
"""
COMMAND = """
import time
from pgpipe.plumbing.processes.signals import interrupt_on_signals
interrupt_on_signals()
try:
    import library
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
finally:
    print("cleaned up")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_that_catches_everything_does_not_keep_a_signal(
    tmp_path: Path, number: int
) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("interrupted\ncleaned up\n", "")
