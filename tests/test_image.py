"""The Dockerfile, where docker is at hand."""

import shutil
import subprocess

import pytest
from tinyparams import ROOT

from pgpipe import __version__

NAME = "pgpipe-test"


def docker(*arguments: str) -> str:
    """Run docker in the checkout; return what it prints."""
    done = subprocess.run(
        ["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_at_hand() -> bool:
    """Whether there is a docker whose server answers."""
    if shutil.which("docker") is None:
        return False
    return not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode


@pytest.mark.full
def test_the_image_is_built_and_has_the_program() -> None:
    if not is_at_hand():
        pytest.skip("no docker here, or its server does not answer: the image is not built")
    docker("build", "--tag", NAME, ".")
    assert docker("run", "--rm", NAME, "pgpipe", "--version").strip() == f"pgpipe {__version__}"


def test_it_copies_what_there_is() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert copied
    assert not [name for names in copied for name in names if not (ROOT / name).exists()]
