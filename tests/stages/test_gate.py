"""The stage in front of all scores: what it writes, and how it ends where a metric is broken."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pgpipe.commands import app as cli
from pgpipe.data.preparing.pyramid import blocks
from pgpipe.data.preparing.writing import write
from pgpipe.metrics import known
from stages import gate
from stages.paths import GATE, MULTIRES

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()  # the user's, where numbers follow from the data
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["pgpipe", "gate"])


def prepare(count: int, seed: int = 0) -> None:
    draw = np.random.default_rng(seed)
    noise = ((draw.uniform(0, 255, (32, 32, 3)), "noise", str(i)) for i in range(count))
    write(blocks(noise), MULTIRES, 32, [])


def command(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and stderr of `pgpipe gate`."""
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.slow
def test_output_names_the_checks_and_does_not_depend_on_the_images() -> None:
    outputs = []
    for seed in (0, 1):
        prepare(20, seed)
        gate.run()
        outputs.append(GATE.read_bytes())
    assert outputs[0] == outputs[1]
    passed = json.loads(outputs[0])["passed"]
    for score in ("SWD", "MS-SSIM", "Inception score", "FID"):
        assert any(name.startswith(score) for name in passed)


def test_broken_metric_is_exit_3_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(12)
    monkeypatch.setattr(known, "fid", lambda a, b: 0.5)
    code, stderr = command(capsys)
    assert code == 3
    assert stderr == (
        "pgpipe: error: FID of a set with itself: found 0.5, expected 0 +- 0.0001: the metrics are "
        "broken, nothing is scored\n"
    )
    assert not GATE.exists()


def test_too_few_images_are_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    prepare(11)
    code, stderr = command(capsys)
    assert code == 2
    assert stderr == (
        "pgpipe: error: params.yaml: 11 images are not >= 12: too few to train on and score; add "
        "some\n"
    )


def test_parameters_that_the_data_do_not_allow_are_exit_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(60)
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("conditioning: auto", "conditioning: acgan"))
    code, stderr = command(capsys)
    assert (code, stderr.count("\n")) == (2, 1)
    assert "train.label_conditioning: acgan has no use for no labels" in stderr
    Path("params.yaml").write_text(text.replace("swd_images: auto", "swd_images: 31"))
    code, stderr = command(capsys)
    assert (code, stderr.count("\n")) == (2, 1)
    assert "score.swd_images: 31 is not <= 30 (half of 60 images" in stderr
