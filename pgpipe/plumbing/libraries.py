"""Environment variables that libraries read; the user's own stay.

All are set before there is a second thread: where one thread sets a variable while another looks
one up, the table may move, and the process ends by SIGSEGV.
"""

import getpass
import os
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")  # of Linux
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # its own default blocks for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # a failure is one line of ours, not a traceback
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what repeats its bits; costs up to 32 MB of a GPU
    "KINETO_LOG_LEVEL": "6",  # torch's profiler tells the terminal when it starts and stops
}


def tune() -> None:
    """Set what makes them fast and quiet. To be called before any of them is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # Threads that wait for one another spin. Where experiments share the cores, spinning less is
    # several times as fast; alone it costs less than a tenth at most sizes.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # There numpy's AVX-512 sort takes six times as long as its AVX2 sort, most of SWD's time.
    if is_zen_4(CPU_INFO.read_text() if CPU_INFO.exists() else ""):
        os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR")
    try:
        getpass.getuser()
    except (KeyError, OSError):  # in a container, for instance; DVC asks for a name
        os.environ["USER"] = f"{os.getuid()}"


def is_zen_4(cpu_info: str) -> bool:
    """Whether this is an AMD processor of the first generation with AVX-512.

    Its compressing stores, with which numpy partitions, are slow: they are microcode.
    """
    processor = cpu_info.partition("\n\n")[0]
    facts = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in processor.splitlines())
    }
    amd = (facts.get("vendor_id"), facts.get("cpu family")) == ("AuthenticAMD", "25")
    return amd and "avx512f" in facts.get("flags", "").split()
