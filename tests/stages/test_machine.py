"""The stage machine settles what `auto` means, and the phases read what it wrote."""

import json
from pathlib import Path

import pytest
from tinyparams import with_values

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.training import auto
from pgpipe.training.auto import Facts
from stages import machine
from stages.paths import SETTLED


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def run(native: bool, monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    """Run the stage on a machine that has bfloat16 or has not."""
    document = with_values(**{f"train__{name}": value for name, value in values.items()})
    Path("params.yaml").write_text(json.dumps(document))
    monkeypatch.setattr(auto, "ask", lambda _: Facts("toy", native))
    Path(".pgpipe/machine.json").unlink(missing_ok=True)
    machine.run()


def test_the_same_machine_writes_the_same_bytes(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for native in (True, True, False):
        run(native, monkeypatch, precision="auto")
        contents.append(SETTLED.read_bytes())
    assert contents[0] == contents[1] != contents[2]
    assert machine.settled().precision == "fp32"


def test_emulated_bfloat16_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(True, monkeypatch, precision="bf16")
    assert capsys.readouterr().err == ""
    run(False, monkeypatch, precision="bf16")
    assert "warning: train.precision: bf16: this CPU has no bfloat16" in capsys.readouterr().err
    assert machine.settled().precision == "bf16", "as asked"


def test_what_was_changed_by_hand_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="run `dvc repro machine`"):
        machine.settled()
    run(False, monkeypatch, precision="auto")
    SETTLED.write_text(SETTLED.read_text().replace("fp32", "bf16"))
    with pytest.raises(IntegrityError, match="machine"):
        machine.settled()
