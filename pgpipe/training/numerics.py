"""How a device trains: threads, precision and memory."""

from typing import Any

import torch

from pgpipe.errors import ResourceError
from pgpipe.gan.config import TrainSection
from pgpipe.plumbing.devices import choose
from pgpipe.plumbing.processes.cores import cores, share
from pgpipe.plumbing.processes.group import MOST, world_size
from pgpipe.plumbing.processes.variables import whole
from pgpipe.plumbing.terminal import counted


def prepare(section: TrainSection) -> torch.device:
    """Choose the device and set the process to the numerics that the section asks for."""
    device = choose(section.device)
    torch.set_num_threads(threads(section))
    tf32 = section.precision == "tf32"  # of a GPU; no effect on a CPU
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    repeat_bits(section.deterministic)
    return device


def repeat_bits(always: bool) -> None:
    """Whether every operation has to use an algorithm that gives the same bits each time."""
    if torch.are_deterministic_algorithms_enabled() != always:  # to say so takes an import
        torch.use_deterministic_algorithms(always)
        # A property of the module, which stubs do not know. Filled would be what nobody reads.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def name(section: TrainSection) -> str:
    """What a reader of results wants to know about the device."""
    if choose(section.device).type == "cpu":
        return f"cpu, {counted(threads(section), 'thread')}"
    return str(torch.cuda.get_device_name())


def tags(section: TrainSection) -> dict[str, str]:
    """Return what a reader of results wants to know about how they were computed."""
    return {
        "device": name(section),
        "precision": section.precision,
        "channels_last": str(section.channels_last).lower(),
        "capture": str(section.capture).lower(),
    }


def platform(section: TrainSection) -> dict[str, Any]:
    """What a result's bits depend on beside its inputs; a state records it."""
    device = choose(section.device).type
    return {
        "torch": torch.__version__,
        "device": device,
        "instructions": instructions(device),
        "threads": threads(section) if device == "cpu" else 0,
        "world_size": world_size(),
    }


def instructions(device: str) -> str:
    """Return what a processor computes with, or a GPU's compute capability."""
    if device == "cuda":
        return ".".join(map(str, torch.cuda.get_device_capability()))
    return torch.backends.cpu.get_cpu_capability()


def threads(section: TrainSection) -> int:
    """CPU threads of one operation."""
    return section.threads or share(processes_here())


def takes_all_cores(section: TrainSection) -> bool:
    """Whether training leaves no core of this machine to other work."""
    on_cpu = choose(section.device).type == "cpu"
    return on_cpu and threads(section) * processes_here() >= cores()


def processes_here() -> int:
    """How many processes of this training are on this machine."""
    return whole("LOCAL_WORLD_SIZE", 1, 1, MOST)


def holds(section: TrainSection, device: torch.device, data_bytes: int) -> bool:
    """Whether the data set is kept on the device."""
    if section.data_on_device != "auto" or device.type == "cpu":
        return section.data_on_device == "yes"
    return data_bytes < torch.cuda.get_device_properties(device).total_memory // 4


def out_of_memory(error: torch.OutOfMemoryError, minibatch: int) -> ResourceError:
    """The user's form of a full GPU; nothing is lowered silently."""
    return ResourceError(
        f"GPU memory is full at minibatch {minibatch}; lower train.minibatch or the phase's own "
        f"({str(error).splitlines()[0]})"
    )
