"""What `train.precision: auto` means on this machine.

The stage `machine` settles it once per run, by what torch says of the device, and writes it down
for all phases. DVC would key the word `auto`, and hand one machine's result to another.
"""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from pgpipe.config import Section
from pgpipe.gan.config import Device, Precision, TrainSection
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.project import project_root

Settled = Literal["fp32", "tf32", "bf16"]


class Facts(NamedTuple):
    """What torch says of the device that trains."""

    family: str  # avx512, avx512_bf16, amx, ..., cuda
    bf16: bool  # whether it multiplies bfloat16 itself


class Asked(Section):
    """The precision, which may be `auto`, and the device."""

    precision: Precision = Field(alias="train.precision")
    device: Device = Field(alias="train.device")


class Machine(Section):
    """What was settled."""

    precision: Settled

    def settled(self, section: TrainSection) -> TrainSection:
        """Return the section `train`, without `auto`."""
        return section.model_copy(update=self.model_dump())


def here(asked: Asked) -> Machine:
    """Return what parameters mean on this machine."""
    return settle(asked, of_this_machine(asked.device))


def of_this_machine(device: Device) -> Facts:
    """Return what torch says of this machine's device."""
    return facts(device, project_root() / ".pgpipe/machine.json")


def is_emulated(asked: Asked) -> bool:
    """Return whether bfloat16 is asked of a device that does not multiply it itself."""
    return asked.precision == "bf16" and not of_this_machine(asked.device).bf16


def settle(asked: Asked, facts: Facts) -> Machine:
    """Return what parameters mean on a device."""
    precision: Settled = "fp32"
    if asked.precision == "auto":
        precision = "bf16" if facts.bf16 else "fp32"
    elif asked.precision != "tf32" or facts.family == "cuda":
        precision = asked.precision  # a CPU, which has no tf32, takes fp32
    return Machine(precision=precision)


def facts(device: Device, memory: Path) -> Facts:
    """Return what torch says of the device; `memory` keeps it, since to ask takes seconds."""
    cause = sha256_json([device, version("torch"), *hardware()])
    try:
        kept: dict[str, Any] = json.loads(memory.read_bytes())
        return Facts(**kept[cause])
    except (OSError, ValueError, KeyError, TypeError):
        found = ask(device)
        write_bytes(memory, json.dumps({cause: found._asdict()}).encode())
        return found


def hardware() -> list[str]:
    """Return what torch's answer depends on, as far as it can be seen without torch."""
    seen = [platform.platform(), platform.processor()]
    for file in map(Path, ("/proc/cpuinfo", "/proc/driver/nvidia/version")):
        if file.is_file():
            lines = file.read_text(errors="replace").splitlines()
            seen += [line for line in lines if line.startswith(("model name", "flags", "NVRM"))]
    variables = ("CUDA_VISIBLE_DEVICES", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
    return [*sorted(set(seen)), *(os.environ.get(name, "") for name in variables)]


def ask(device: Device) -> Facts:
    """Return what torch says of the device.

    Raises:
        UsageError: CUDA is asked for, and torch finds none.
    """
    import torch

    from pgpipe.plumbing.devices import choose

    if choose(device).type == "cuda":
        return Facts("cuda", bf16=torch.cuda.get_device_capability() >= (8, 0))
    if torch.cpu._is_amx_tile_supported():
        return Facts("amx", bf16=True)
    if torch.cpu._is_avx512_bf16_supported():
        return Facts("avx512_bf16", bf16=True)
    return Facts(torch.backends.cpu.get_cpu_capability().lower(), bf16=False)
