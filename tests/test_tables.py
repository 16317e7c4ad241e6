"""A loss, a metric, a system, a source, a study of one's own: one file, one row, seen everywhere.

In a copy of the package, whose tables are read as it is imported.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tinyparams import ROOT

LOSS = '''
"""A toy."""

from torch import Tensor

from pgpipe.gan.losses.loss import Loss


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)^2] - E[f(real)]."""
    return fake.square().mean() - real.mean()


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


LOSS = Loss(discriminator, generator)
'''
METRIC = '''
"""A toy."""


def scores(fakes, reals, protocol, device, group):
    """The mean pixel."""
    return {"brightness": float(fakes[: protocol.swd_images].mean())}
'''
METRIC_ROW = """
METRICS["brightness"] = Metric(
    title="Mean pixel", short="brightness", meaning="as the reals'", own="real", of="images",
    compute="pgpipe.metrics.brightness:scores", numbers=("swd_images",),
)
"""
SYSTEM = '''
"""A toy: Progressive GAN's networks without growing."""

from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator


class ToyGenerator(Generator):
    """As G."""


class ToyDiscriminator(Discriminator):
    """As D."""
'''
SYSTEM_ROW = """
SYSTEMS["toy"] = SYSTEMS["pggan"]._replace(
    networks={
        "generator": SYSTEMS["pggan"].networks["generator"]._replace(
            where="pgpipe.gan.toy:ToyGenerator"
        ),
        "discriminator": SYSTEMS["pggan"].networks["discriminator"]._replace(
            where="pgpipe.gan.toy:ToyDiscriminator"
        ),
    },
    growth_factors=(),
)
"""
SOURCE = '''
"""A toy: a folder, under another name."""

from pgpipe.data.sources.folders import FOLDER as SOURCE
'''
SOURCE_ENTRY = """
toy-images:
  source: toy:SOURCE
  title: a toy
  licence: none
  by_hand: images
  taken_by: images
"""
STUDY = '''
"""A toy."""

from pgpipe.studies.study import Claim, Study

STUDY = Study(
    name="toy", title="Toy", row_preset="table1-{row}", data_preset="table1-{data}",
    rows={"a": "first", "b": "second"}, data_sets=("photos",), headlines=("swd_avg",),
    claims=(Claim("b is below a", "swd_avg", [{"b": 1, "a": -1}]),),
)
'''
STUDY_ROW = """
from pgpipe.studies import toy

STUDIES["toy"] = toy.STUDY
"""
SEEN = """
from pathlib import Path
import numpy as np, torch
from specs import network_spec, train_section
from tinyparams import score_numbers
from tinytraining import minibatch, networks
from pgpipe.gan.losses.loss import load
from pgpipe.gan.networks import tensors_of
from pgpipe.gan.step import Step
from pgpipe.metrics import scores
from pgpipe.metrics.protocol import facts
from pgpipe.plumbing.provenance import running
from pgpipe.reporting.page import score_rows
from pgpipe.training.start import training_code
from stages.code import pipeline_code

train = train_section(loss="toy")
assert load("toy").discriminator(torch.tensor([3.0]), torch.tensor([2.0])) == 1.0
nets = networks(train, name="toy")
before = tensors_of(nets)["discriminator.blocks.4.conv.weight"].clone()
Step(nets, train)([minibatch()])
assert not tensors_of(nets)["discriminator.blocks.4.conv.weight"].equal(before)
assert type(nets.generator).__name__ == "ToyGenerator"
code = training_code(train, network_spec(name="toy"))
assert {"pgpipe.gan.losses.toy", "pgpipe.gan.toy"} <= running().modules(code)

images, cpu = np.full((16, 16, 16, 3), 7, np.uint8), torch.device("cpu")
protocol = score_numbers(swd_images=8, ms_ssim_pairs=4)
found = scores.beside(*(scores.of(x, images, None, protocol, cpu) for x in (images, images + 1)))
assert (found["brightness"], found["brightness_real"]) == (7.0, 8.0)
assert "Mean pixel" in {row.name for row in score_rows(found)}
others = {k: v for k, v in found.items() if not k.startswith("brightness")}
assert facts(found, protocol, 16)["protocol"] != facts(others, protocol, 16)["protocol"]
document = {"dataset": {"name": "photos"}, "train": {"loss": "toy"}, "model": {"name": "toy"}}
named = running().modules(pipeline_code(document))
assert {"pgpipe.gan.losses.toy", "pgpipe.gan.toy", "pgpipe.metrics.brightness"} <= named
"""
CHECKED = """
from pathlib import Path
from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.estimate import memory
from stages.check import check, plan_of

from pgpipe.data.sources import users_files
from pgpipe.data.sources.catalogue import listing
from pgpipe.data.sources.table import SOURCES
from pgpipe.studies.table import selection

assert SOURCES["toy-images"] == "pgpipe.data.sources.toy:SOURCE"
assert "toy-images" in dict(listing())
study, data_sets, rows = selection("toy", None, None)
assert (study.title, data_sets, rows) == ("Toy", ["photos"], ["a", "b"])
document = load_yaml(Path("tests/params.yaml"))
document["dataset"] |= {"name": "toy-images", "path": "images"}
Path("images").mkdir()
Path("images/a.png").touch()
assert users_files.of("toy-images", Path("images")) == {"a.png": Path("images/a.png")}
check(document, "params.yaml")
document["train"]["loss"] = "toy"
check(document, "params.yaml")
document["model"]["name"] = "toy"
try:
    check(document, "params.yaml")
except UsageError as error:
    assert "must be init for a toy" in str(error), error
else:
    raise AssertionError("accepted")
single = {**document["growth"]["phases"]["r16"], "from": "init", "fade_kimg": 0}
document["growth"] = {"final": "r16", "fade": "linear", "phases": {"r16": single}}
plan = plan_of(check(document, "params.yaml"))
assert memory.training(plan, plan.growth.phases["r16"]) > memory.PROCESS
"""


@pytest.mark.slow
def test_one_file_and_one_row_are_seen_everywhere(tmp_path: Path) -> None:
    for name in ("pgpipe", "stages", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    ours = tmp_path / "pgpipe"
    (ours / "gan/losses/toy.py").write_text(LOSS)
    (ours / "gan/toy.py").write_text(SYSTEM)
    (ours / "metrics/brightness.py").write_text(METRIC)
    (ours / "data/sources/toy.py").write_text(SOURCE)
    (ours / "studies/toy.py").write_text(STUDY)
    for table, row in (
        ("gan/losses/table.py", 'LOSSES["toy"] = Row("pgpipe.gan.losses.toy")\n'),
        ("gan/systems.py", SYSTEM_ROW),
        ("metrics/table.py", METRIC_ROW),
        ("data/sources/catalogue.yaml", SOURCE_ENTRY),
        ("studies/table.py", STUDY_ROW),
    ):
        with (ours / table).open("a") as file:
            file.write(row)
    for code in (SEEN, CHECKED):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = ['.', 'tests']\n{code}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
