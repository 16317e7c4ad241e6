"""The locked installation: the same packages as the other one, each with hashes, from nowhere."""

import re
import tomllib
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tinyparams import ROOT

HASH = re.compile("[0-9a-f]{64}")
BUILD, PACKAGES = ROOT / "locks/build.txt", ROOT / "locks/packages.txt"


def locked(text: str) -> list[Requirement]:
    """The packages of a file in which each has hashes, and nothing else is."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
            assert hashes
            assert all(HASH.fullmatch(value) for value in hashes)
            found.append(Requirement(requirement))
    return found


def versions(requirements: list[Requirement]) -> dict[str, set[str]]:
    """Their pinned versions by name, without what tells builds apart."""
    found: dict[str, set[str]] = {}
    for requirement in requirements:
        [pin] = requirement.specifier
        assert pin.operator == "=="
        found.setdefault(canonicalize_name(requirement.name), set()).add(
            Version(pin.version).public
        )
    return found


def test_lock_has_what_the_constraints_have() -> None:
    plain = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
    assert versions(locked(PACKAGES.read_text())) == versions(plain)


def test_lock_has_what_the_project_and_its_build_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = project["project"]["dependencies"] + extras["dev"] + extras["docs"]
    for path, texts in (PACKAGES, asked), (BUILD, project["build-system"]["requires"]):
        known = versions(locked(path.read_text()))
        for requirement in map(Requirement, texts):
            [version] = known[canonicalize_name(requirement.name)]
            assert version in requirement.specifier


def test_lock_has_what_is_installed() -> None:
    known = versions(locked(PACKAGES.read_text()))
    extra = {"pgpipe", "pip", *versions(locked(BUILD.read_text()))} - known.keys()
    found = {canonicalize_name(d.metadata["Name"]): Version(d.version) for d in distributions()}
    installed = {name: {v.public} for name, v in found.items() if name not in extra}
    assert installed == {name: known.get(name) for name in installed}


def test_torch_is_the_build_for_cpus_on_linux() -> None:
    found = {
        Version(str(r.specifier)[2:]).local: str(r.marker)
        for r in locked(PACKAGES.read_text())
        if r.name == "torch"
    }
    assert found == {"cpu": 'sys_platform == "linux"', None: 'sys_platform != "linux"'}


def test_locks_name_no_place() -> None:
    assert not re.search("https?:|file:|--index|--find", BUILD.read_text() + PACKAGES.read_text())
