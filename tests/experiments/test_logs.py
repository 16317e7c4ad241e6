"""The error that a task of the queue ended with, from its log."""

from pathlib import Path

import pytest

from pgpipe.experiments.logs import KILLED, error_in

FAILED = """\
Reproducing experiment 'q1'
Running stage 'check':
> exec python -m pgpipe check
pgpipe: error: dataset.path: data/own: not found
ERROR: failed to reproduce 'check': failed to run: exec python -m pgpipe check, exited with 2
"""


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (FAILED, "dataset.path: data/own: not found"),
        (f"pgpipe: error: first\n{FAILED}", "dataset.path: data/own: not found"),
        ("\n".join(FAILED.splitlines()[4:]), "failed to reproduce 'check': failed to run: "),
        ("Running stage 'train@r8':\ntrain r8: 100 of 600\n", KILLED),
        ("", KILLED),
        (f"{'x' * 70 + chr(10)}" * 2000 + FAILED, "dataset.path: data/own: not found"),
    ],
)
def test_last_error_is_pgpipe_s_or_else_dvc_s(log: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(log)
    assert error_in(tmp_path / "log").startswith(error)
