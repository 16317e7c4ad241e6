"""What stands in params.yaml on its way through DVC: no shell reads it."""

from pathlib import Path

import pytest
from toyproject import FILES, Toy

from pgpipe.config import load_yaml

ROOT = Path(__file__).parent.parent


def pipeline_of_train() -> str:
    """Our stage `train` without its dependencies, which are not there."""
    entry = load_yaml(ROOT / "dvc.yaml")["stages"]["train"]
    do = entry["do"]
    return (
        f"stages:\n  train:\n    foreach: {entry['foreach']}\n    do:\n      cmd: {do['cmd']}\n"
        f"      params: {do['params'][1:]}\n      outs: {do['outs']}\n"
    )


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setitem(FILES, "dvc.yaml", pipeline_of_train())
    return Toy(tmp_path / "p")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["r4$(touch pwned)", "r4`touch pwned`", "r4';touch pwned;'", "r4"])
def test_no_key_reaches_the_shell(toy: Toy, key: str) -> None:
    phase = "{res: 4, from: init, fade_kimg: 0, stable_kimg: 1}"
    train = "\n".join((ROOT / "params.yaml").read_text().partition("\ntrain:")[2].splitlines())
    section = train.partition("\nsample:")[0]
    (toy.folder / "params.yaml").write_text(
        f'train:{section}\ngrowth: {{fade: linear, phases: {{"{key}": {phase}}}}}\n'
    )
    output = toy.run("dvc", "repro", "-s", f"train@{key}", code=255)
    assert not (toy.folder / "pwned").exists()
    errors = [line for line in output.splitlines() if line.startswith("pgpipe: error: ")]
    wanted = "data/machine" if key == "r4" else f"{key}: a phase of resolution 4 is called r4"
    assert len(errors) == 1
    assert wanted in errors[0]
