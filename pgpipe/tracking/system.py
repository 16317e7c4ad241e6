"""What the machine is doing, under the names by which MLflow's UI finds its system metrics."""

import sys
from pathlib import Path

import psutil

psutil.cpu_percent()  # the first call starts the first interval and has no answer itself


def system_metrics() -> dict[str, float]:
    """Load of processors, memory, the disk of the current folder, and memory of the GPU in use.

    The processors' load is that since the call before. Takes well under a millisecond, and leaves
    torch alone where nobody imported it.
    """
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
    return {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / 1e6,
        "system/system_memory_usage_percentage": memory.percent,
        "system/disk_usage_percentage": disk.percent,
        "system/disk_available_megabytes": disk.free / 1e6,
        **gpu_memory(),
    }


def gpu_memory() -> dict[str, float]:
    """Memory of the current GPU, if this process has begun to use one."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return {}
    free, total = cuda.mem_get_info()
    name = f"system/gpu_{cuda.current_device()}_memory_usage"
    return {
        f"{name}_megabytes": (total - free) / 1e6,
        f"{name}_percentage": 100 * (total - free) / total,
    }
