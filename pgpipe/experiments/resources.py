"""Who runs jobs, and what each is given."""

from enum import StrEnum
from typing import NamedTuple


class Executor(StrEnum):
    """Who runs jobs: this machine, or Slurm."""

    LOCAL = "local"
    SLURM = "slurm"


class Resources(NamedTuple):
    """What each job is given: GPUs; by Slurm also minutes, CPUs and GB of memory."""

    gpus: int | None = None
    partition: str | None = None
    time: int | None = None
    cpus: int | None = None
    mem: int | None = None
