"""`pgpipe verify` names what is bad or missing, and says what it could not tell."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tinyproject import Run
from toyproject import Toy


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def in_cache(content: bytes) -> Path:
    name = hashlib.md5(content).hexdigest()  # noqa: S324
    return Path(".dvc/cache/files/md5", name[:2], name[2:])


def of_two() -> Path:
    return in_cache(Path("out/two").read_bytes())


def list_of_one() -> Path:
    [found] = Path(".dvc/cache").rglob("*.dir")
    return found


def test_a_whole_project_is_verified(toy: Toy, command: Run) -> None:
    code, stdout, stderr = command("verify")
    assert (code, stderr) == (0, "")
    # out/one/big, small, out/two, out/three.txt; objects of the first three
    assert "7 files, 0.6 MB, read and compared" in stdout
    assert "not verified" not in stdout


DAMAGE: dict[str, tuple[Callable[[], Path], Callable[[Path], object]]] = {
    "output": (lambda: Path("out/two"), flip),
    "file in an output": (lambda: Path("out/one/big"), flip),
    "output without a copy": (lambda: Path("out/three.txt"), flip),
    "missing output": (lambda: Path("out/two"), Path.unlink),
    "object": (of_two, flip),
    "missing object": (of_two, Path.unlink),
    "list": (list_of_one, flip),
    "missing list": (list_of_one, Path.unlink),
}


@pytest.mark.parametrize(("which", "harm"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named(
    toy: Toy, command: Run, which: Callable[[], Path], harm: Callable[[Path], object]
) -> None:
    file = which()
    harm(file)
    code, stdout, stderr = command("verify")
    assert code == 3
    named = [line for line in stdout.splitlines() if line.startswith(f"{file}: ")]
    assert len(named) >= 1
    assert all(line.startswith(str(file)) for line in stdout.splitlines()[:-1])
    assert len(stderr.splitlines()) == 1


def test_without_dvc_lock_that_is_said_and_the_rest_verified(toy: Toy, command: Run) -> None:
    Path("dvc.lock").unlink()
    code, stdout, _ = command("verify")
    assert code == 0
    assert "not verified: outputs against dvc.lock: there is none" in stdout
    flip(of_two())
    assert command("verify")[0] == 3


def test_a_cut_dvc_lock_is_named(toy: Toy, command: Run) -> None:
    Path("dvc.lock").write_bytes(Path("dvc.lock").read_bytes()[:-3])
    code, stdout, _ = command("verify")
    assert code == 3
    assert "dvc.lock: cut off; run pgpipe repair" in stdout


def test_data_and_states_are_verified_by_their_own_hashes(toy: Toy, command: Run) -> None:
    content = b"pixels" * 1000
    digest = hashlib.sha256(content).hexdigest()
    state = Path(f".pgpipe/state/r4-0/000000000100-{digest}.safetensors")
    array, manifest = Path("data/multires/r4/00000.npy"), Path("data/multires/manifest.json")
    for file in (state, array):
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    manifest.write_text(json.dumps({"arrays": {"r4/00000.npy": {"sha256": digest}}}))
    assert command("verify")[0] == 0
    for file, source in ((state, "its name"), (array, str(manifest))):
        flip(file)
        code, stdout, _ = command("verify")
        assert code == 3
        assert f"{file}: its SHA256 is " in stdout
        assert f"not {digest} of {source}" in stdout
    manifest.write_text("[]")
    assert f"{manifest}: not a manifest" in command("verify")[1]


def test_outside_of_a_project_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("verify", "repair"):
        code, _, stderr = command(name)
        assert code == 2
        assert len(stderr.splitlines()) == 1
