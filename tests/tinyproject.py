"""A project of its own in a temporary folder, with parameters so small that it runs in seconds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from ruamel.yaml import YAML

from pgpipe.config import load_yaml
from pgpipe.training.auto import facts

ROOT = Path(__file__).parent.parent

MACHINE = ".pgpipe/machine.json"  # what the stage machine remembers of this machine
REMEMBERED = (MACHINE, ".pgpipe/code.json")  # of this machine and of these sources
TINY = """\
# The whole pipeline in seconds.
dataset: {images_per_class: 30, resolution: 32}
growth:
  final: r16
  phases:
    r4: {stable_kimg: 0.3}
    r8: {fade_kimg: 0.2, stable_kimg: 0.2}
    r16: {fade_kimg: 0.2, stable_kimg: 0.2}
    r32: null
model: {fmap_base: 64, fmap_max: 16, latent_size: 16}
train: {tick_kimg: 0.1, minibatch: 8, threads: 1, quick_images: 16, select: best:swd_avg}
sample: {images: 96}
reference: {classifier_kimg: 1}
score: {swd_images: 64, ms_ssim_pairs: 32, classifier_splits: 2}
"""

Run = Callable[..., tuple[int, str, str]]  # a command in this process: exit code, stdout, stderr


class Project:
    """A copy of the sources as a git and DVC project with tiny parameters."""

    first_results: dict[str, bytes]
    untouched: "Project"  # a copy of a finished one, for tests to copy

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, sizes: str = TINY, checkout: Path = ROOT) -> Self:
        """Write a checkout's sources, with an overlay of sizes merged into its parameters."""
        folder = self.folder
        listed = self.git("ls-files", "-co", "--exclude-standard", at=checkout).splitlines()
        for name in listed:
            if (checkout / name).is_file() and not name.startswith(("reports/", "dvc.lock")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, folder / name)
        (folder / "presets/tiny.yaml").write_text(sizes)
        self.git("init", "-q")
        self.git("config", "user.name", "tests")
        self.git("config", "user.email", "tests@localhost")
        self.run("pgpipe", "preset", "tiny", "--force")
        self.commit()
        facts("auto", folder / MACHINE)  # else each project asks torch anew, for seconds
        return self

    def copy(self, folder: Path) -> "Project":
        """A copy at `folder`, without the store, which belongs to a place."""
        shutil.copytree(
            self.folder,
            folder,
            ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".pgpipe"),
        )
        (folder / MACHINE).parent.mkdir()
        for name in REMEMBERED:
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, folder / name)
        return Project(folder)

    def forget(self, *names: str) -> None:
        """Let DVC forget what it knows of the stages whose names start so, and of all runs."""
        file = self.folder / "dvc.lock"
        lock = load_yaml(file)
        lock["stages"] = {
            name: of for name, of in lock["stages"].items() if not name.startswith(names)
        }
        with file.open("w") as writer:
            YAML().dump(lock, writer)
        shutil.rmtree(self.folder / ".dvc/cache/runs")

    def results(self) -> dict[str, bytes]:
        """All that the pipeline's result is, byte for byte."""
        names = ("dvc.lock", "reports/metrics.json", "models/r16/state.safetensors")
        return {name: (self.folder / name).read_bytes() for name in names}

    @property
    def environment(self) -> dict[str, str]:
        """Of the project's processes: this interpreter's commands first, one thread, /bin/sh."""
        own = ("DVC_", "MLFLOW_", "SHELL")
        outer = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{outer['PATH']}"
        return {**outer, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """Run git in the project."""
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=at or self.folder, check=True, capture_output=True, text=True
        ).stdout

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-qm", "as it is")

    def start(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Start `python -m MODULE`, the leader of a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, module: str, *arguments: str, code: int = 0) -> str:
        """Run `python -m MODULE` to its end; the exit code has to be `code`."""
        process = self.start(module, *arguments)
        output, _ = process.communicate(timeout=600)
        assert process.returncode == code, output
        return output
