"""A kill at a chosen system call of a write: strace attaches to a forked process and injects it.

The signal comes when the call is entered, and the call is not made: killed at each call of a write
in turn, a process has died in each of the states that the write can leave.
"""

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pytest

from faults.warm import CONTEXT, PATIENCE

CHANGES = re.compile(
    r"(write|pwrite64|f?truncate|f(data)?sync|rename\w*|(un)?link\w*|mkdir|rmdir|flock)\("
    r"|openat\(.*O_(WRONLY|RDWR)"
)
MARK = "sched_yield"  # made before and after the write, and nowhere else
TRACED = f"trace=%file,%desc,{MARK}"
PR_SET_PTRACER, ANY = 0x59616D61, ctypes.c_ulong(-1)

Write = Callable[[Path], None]

needs_strace = pytest.mark.skipif(
    not shutil.which("strace"), reason="no strace here: kills at system calls are not tried"
)


class Call(NamedTuple):
    """The `number`-th call of a name since strace attached."""

    name: str
    number: int
    changes: bool  # what is on the disk: killed at another call, a process leaves the same


def calls_of(write: Write, folder: Path) -> list[Call]:
    """The system calls on files of a write that nothing disturbs, after `folder` is as it needs."""
    return between_marks(traced(write, folder))


def kill_at(call: Call, write: Write, folder: Path) -> None:
    """Let a process write in `folder` and die at one of its calls."""
    log = traced(write, folder, f"inject={call.name}:signal=KILL:when={call.number}")
    assert "killed by SIGKILL" in log
    assert between_marks(log)[-1] == call, "the calls are others than before"


def traced(write: Write, folder: Path, *expressions: str) -> str:
    """The log of strace of a process that writes."""
    log = folder.with_suffix(".strace")
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=write_when_told, args=(theirs, write, folder))
    process.start()
    ours.recv()
    chosen = [part for each in (TRACED, *expressions) for part in ("-e", each)]
    command = ["strace", "-p", str(process.pid), "-o", str(log), *chosen]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr
        attached = strace.stderr.readline()
        if "attached" not in attached:
            process.kill()
            pytest.skip(f"strace may not attach here: {attached.strip()}")
        ours.send(None)
        process.join(PATIENCE)
    assert process.exitcode in (0, -9)
    return log.read_text()


def write_when_told(told: Connection, write: Write, folder: Path) -> None:
    """The process that is traced."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY)  # where only parents may attach
    told.send("waiting")  # so that it makes no call of its own accord while strace attaches
    told.recv()
    os.sched_yield()
    write(folder)
    os.sched_yield()
    os._exit(0)


def between_marks(log: str) -> list[Call]:
    """The calls after the first mark, as far as the second."""
    counts: dict[str, int] = {}
    calls = []
    for line, name in re.findall(r"^((\w+)\(.*)", log, re.MULTILINE):
        counts[name] = counts.get(name, 0) + 1
        if MARK in counts and name != MARK:
            calls.append(Call(name, counts[name], bool(CHANGES.match(line))))
        if counts.get(MARK) == 2:
            break
    return calls
