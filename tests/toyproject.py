"""A project of git and DVC with three stages of a shell each: what DVC does, without the wait."""

import os
from pathlib import Path

from tinyproject import ROOT, Project

PIPELINE = """\
stages:
  one:
    cmd: mkdir -p out/one && head -c 300000 /dev/zero > out/one/big && echo 1 > out/one/small
    params: [one]
    outs: [out/one]
  two:
    cmd: sleep 0${SLOW} && cat out/one/small params.yaml > out/two
    params: [two]
    deps: [out/one]
    outs: [out/two]
  three:
    cmd: cat out/two > out/three.txt
    deps: [out/two]
    metrics: [{out/three.txt: {cache: false}}]
""".replace("${SLOW}", "$SLOW")
CONFIG = "[core]\n    analytics = false\n[cache]\n    type = hardlink,copy\n"
FILES = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "one: 1\ntwo: 2\n",
    ".dvc/config": CONFIG,
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".gitignore": "/out\n/.pgpipe\n",
}


class Toy(Project):
    """The project; its stage `two` sleeps for as many seconds as `slow` says."""

    slow = 0

    @classmethod
    def at(cls, folder: Path) -> "Toy":
        """The project that a folder is a copy of."""
        toy = cls.__new__(cls)
        toy.folder = folder
        return toy

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.git("init", "-q")
        self.git("config", "user.name", "tests")
        self.git("config", "user.email", "tests@localhost")
        self.commit()

    @property
    def environment(self) -> dict[str, str]:
        found = {**super().environment, "PYTHONPATH": str(ROOT), "SLOW": str(self.slow)}
        return {**found, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc/tmp/site")}

    def contents(self) -> dict[str, bytes]:
        """All that the pipeline's result is: outputs and dvc.lock."""
        files = [self.folder / "dvc.lock", *(self.folder / "out").rglob("*")]
        return {str(f.relative_to(self.folder)): f.read_bytes() for f in files if f.is_file()}

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Every file there is, with its content, but what opening the project touches."""
        found = {}
        for place, _, names in os.walk(self.folder):
            for name in names:
                file = Path(place, name)
                if "site" not in file.parts and file.name != "lock":
                    found[str(file.relative_to(self.folder))] = (
                        file.stat().st_ino,
                        file.read_bytes(),
                    )
        return found
