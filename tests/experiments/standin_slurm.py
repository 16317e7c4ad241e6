"""A stand-in for Slurm on one machine: sbatch, srun, sacct, squeue and scontrol, by its own name.

It runs the tasks of an array one after the other, keeps their states as files in the folder that
STANDIN_SLURM names, and starts a task again that was requeued. A task whose state is another than
PENDING when its turn comes is left out, and where there is a file `down` none is begun.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

NAMES = ("sbatch", "srun", "sacct", "squeue", "scontrol")


def install(folder: Path) -> None:
    """Write the commands into a folder."""
    folder.mkdir(parents=True)
    for name in NAMES:
        script = folder / name
        script.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{__file__}' {name} \"$@\"\n")
        script.chmod(0o755)


def states() -> dict[str, str]:
    return {file.stem: file.read_text() for file in sorted(place().glob("*.state"))}


def place() -> Path:
    return Path(os.environ["STANDIN_SLURM"])


def sbatch(script: str) -> None:
    text = Path(script).read_text()
    if "--partition=nowhere" in text:
        sys.exit("sbatch: error: invalid partition specified: nowhere")
    array = re.search(r"--array=0-(\d+)%1\n", text)
    number = 100 + len(list(place().glob("*.sh")))
    (place() / f"{number}.sh").write_text(text)
    tasks = [f"{number}_{n}" for n in range(int(array[1]) + 1)] if array else [f"{number}"]
    for task in tasks:
        (place() / f"{task}.state").write_text("PENDING")
    silent = subprocess.DEVNULL
    command = [sys.executable, __file__, "runner", *tasks]
    if not (place() / "down").exists():
        subprocess.Popen(command, start_new_session=True, stdout=silent, stderr=silent)
    print(f"Submitted batch job {number}")  # noqa: T201


def runner(*tasks: str) -> None:
    for task in tasks:
        state, again = place() / f"{task}.state", place() / f"{task}.again"
        number, _, index = task.partition("_")
        array = {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": index} if index else {}
        environment = {**os.environ, "SLURM_JOB_ID": number, "SLURM_PROCID": "0", **array}
        while state.read_text() == "PENDING":
            state.write_text("RUNNING")
            done = subprocess.run(
                ["bash", place() / f"{number}.sh"], env=environment, check=False
            ).returncode
            if again.exists():
                again.unlink()
                state.write_text("PENDING")
            else:
                state.write_text("FAILED" if done else "COMPLETED")


def srun(*arguments: str) -> None:
    log = arguments[arguments.index("--output") + 1]
    first = next(n for n, word in enumerate(arguments) if word == sys.executable)
    of = {"%j": "SLURM_JOB_ID", "%A": "SLURM_ARRAY_JOB_ID", "%a": "SLURM_ARRAY_TASK_ID"}
    for mark, variable in of.items():
        log = log.replace(mark, os.environ.get(variable, ""))
    file = os.open(log.replace("%t", "0"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.execv(sys.executable, arguments[first:])  # noqa: S606


def sacct(*_: str) -> None:
    print("JobID|State|NodeList", *(f"{j}|{s}|node1" for j, s in states().items()), sep="\n")  # noqa: T201


def squeue(*_: str) -> None:
    print(*(job for job, s in states().items() if s in ("PENDING", "RUNNING")), sep="\n")  # noqa: T201


def scontrol(what: str, job: str) -> None:
    assert what == "requeue"
    (place() / f"{job}.again").touch()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
