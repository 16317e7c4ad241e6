"""What fine-tuning is measured on: pictures and networks where the study `finetune` looks."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import finetune
from pgpipe.errors import UsageError


def test_pictures_and_networks_are_put_where_the_study_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finetune, "COUNT", 2)
    with pytest.raises(UsageError, match="models/r32: not trained yet"):
        finetune.prepare()
    Path("models/r32").mkdir(parents=True)
    Path("models/r32/state.safetensors").write_bytes(b"trained")
    finetune.prepare()
    assert Path("starts/default/state.safetensors").read_bytes() == b"trained"
    pictures = sorted(Path("data/own").rglob("*.png"))
    assert [p.parent.name for p in pictures] == ["china", "china", "flower", "flower"]
    with Image.open(pictures[0]) as picture:
        assert picture.size == (64, 64)
    Path("data/own/china/000.png").write_bytes(b"mine")
    finetune.prepare()
    assert pictures[0].read_bytes() == b"mine", "what is there stays"
