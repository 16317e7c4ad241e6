"""Every preset of the repository, and every combination meant to be used, is valid and tidy."""

import json
import re
import shutil
from pathlib import Path

import pytest
from merging import Preset, between, merged, params_of, settings, spec_of
from tinyproject import ROOT

from pgpipe.config import leaves, load_yaml
from pgpipe.errors import UsageError
from pgpipe.gan.weights import names
from pgpipe.presets import files as presets
from pgpipe.presets.overlay import merge
from pgpipe.studies.table import STUDIES

pytestmark = pytest.mark.usefixtures("with_presets")

NAMES = sorted(file.stem for file in (ROOT / "presets").glob("*.yaml"))
STACKS = ["mnist-1k", "mnist-1k-k2", "digits-1k", "digits-1k-k2"]  # for networks without labels
TUNED = ("finetune", "finetune-flat", "finetune-grown")  # on the user's pictures, however many
OF_STUDIES = [
    [study.row_preset.format(row=row), study.data_preset.format(data=data)]
    for study in STUDIES.values()
    for data in study.data_sets
    for row in study.rows
]
OF_ROWS = {row for row, _ in OF_STUDIES if row not in {"default", *TUNED}}
PARTS = {  # multiply what another states
    "table1-h",
    "table1-photos",
    "table1-fashion-mnist",
    "mnist-1k-d",
    *STACKS[1:],
}
WHOLE = [
    *([name] for name in NAMES if name not in {*PARTS, *STACKS}),
    *OF_STUDIES,
    *([f"table1-{row}", "photos-64"] for row in STUDIES["table1"].rows),
]

each_whole = pytest.mark.parametrize("chosen", WHOLE, ids=" ".join)
each_single = pytest.mark.parametrize("chosen", [c for c in WHOLE if len(c) == 1], ids=" ".join)
each_pair = pytest.mark.parametrize("chosen", [c for c in WHOLE if len(c) == 2], ids=" ".join)


@pytest.mark.slow
@each_whole
def test_params_are_valid_and_networks_can_be_built(chosen: Preset) -> None:
    params = params_of(*chosen)
    spec = spec_of(params)
    for key, phase in params.growth.phases.items():
        assert names(spec, phase.res), key


@pytest.mark.slow
@each_pair
def test_order_does_not_matter(chosen: Preset) -> None:
    assert settings(*chosen) == settings(*reversed(chosen))


@pytest.mark.slow
@each_whole
def test_params_keep_their_comments_and_a_phase_is_a_line(chosen: Preset) -> None:
    before = Path("params.yaml").read_text()
    presets.write(merged(*chosen))
    after = Path("params.yaml").read_text()
    assert re.findall(r"#.*", before) == re.findall(r"#.*", after)
    for key in merged(*chosen)["growth"]["phases"]:
        assert re.search(rf"^    {key}: {{res: .*}}$", after, re.MULTILINE)


@pytest.mark.slow
@each_whole
def test_second_time_changes_nothing(chosen: Preset) -> None:
    presets.write(merged(*chosen))
    if chosen == ["table1-a", "photos-64"]:  # grows the r32 of params.yaml, which (a) removed
        with pytest.raises(UsageError, match=r"phases\.r64\.from: 'r32' is no phase"):
            presets.merged(chosen)
    else:
        assert presets.merged(chosen) == merged(*chosen)


@pytest.mark.slow
@each_whole
def test_every_change_is_said(chosen: Preset) -> None:
    said = "\n".join(change for change, _ in presets.changes(chosen))
    assert all(path in said for path in between([], chosen) if not path.startswith("growth.phases"))


SIZED = {"default", "precision-photos", "quick", "photos-64", *TUNED}  # the default experiment


@pytest.mark.slow
@each_whole
def test_presets_of_papers_and_studies_state_their_numbers(chosen: Preset) -> None:
    """Scores of other numbers do not compare, so those of a paper follow from no data."""
    shutil.copy(ROOT / "params.yaml", "params.yaml")  # where all of them are auto
    found = dict(leaves(presets.merged(chosen)))
    numbers = ["sample.images", "score.swd_images", "score.ms_ssim_pairs"]
    if found["score.inception"]:
        numbers += ["score.inception_images", "score.inception_splits", "score.fid_images"]
    if found["dataset.name"] in STACKS:
        numbers += ["score.mode_samples", "score.mode_evaluations"]
    without_data = len(chosen) == 1 and chosen[0] in OF_ROWS
    if not without_data and not SIZED & {*chosen}:
        assert [found[name] for name in numbers if type(found[name]) is not int] == []


@pytest.mark.parametrize("name", sorted(PARTS))
def test_what_multiplies_is_refused_alone(name: str) -> None:
    with pytest.raises(UsageError, match="none of these presets sets"):
        presets.merged([name])


@pytest.mark.slow
@each_single
def test_rows_mean_the_same_whatever_stood_in_params(chosen: Preset) -> None:
    row = ["table1-b", "table1-lsun-bedroom"]
    expected = settings(*row)
    presets.write(merged(*chosen))
    methods = [path for path in expected if path.startswith(("growth", "model", "train"))]
    found = dict(leaves(presets.merged(row)))
    assert {path: found.get(path) for path in methods} == {path: expected[path] for path in methods}
    assert not {path for path in found.keys() - expected.keys() if path.startswith("growth")}


ELSEWHERE = {  # what a params.yaml says that was made for another work
    "dataset": {"captions": "captions.csv", "held_out": 0.2, "labels": "labels.csv"},
    "growth": {"fade": "smooth"},
    "model": {"first_layer": "no-norm", "latents": "uniform", "latent_norm": "none"},
    "train": {"optimiser": "sgd", "precision": "tf32", "updates": "simultaneous"},
}
OF_PAPERS = [
    *([name] for name in ("celeba-hq-1024", "cifar10", "dcgan-64", "gan-2014", "lsun-256")),
    *(
        [row, data]
        for row, data in OF_STUDIES
        if row.startswith(("fade-", "growth-", "mnist-1k-", "relatives-", "stack-", "table1-"))
    ),
]


@pytest.mark.parametrize("chosen", OF_PAPERS, ids=" ".join)
def test_what_was_set_for_another_work_does_not_reach_a_paper_s_row(chosen: Preset) -> None:
    expected = settings(*chosen)
    merge(document := load_yaml(Path("params.yaml")), ELSEWHERE)
    Path("params.yaml").write_text(json.dumps(document))
    found = dict(leaves(presets.merged(chosen)))
    paths = [path for path, _ in leaves(ELSEWHERE)]
    assert {path: found[path] for path in paths} == {path: expected[path] for path in paths}
