"""Documented commands do what is said of them, on images that are not the demo's.

Each stands in `tried.py` with the test that runs it, verbatim but for names and sizes.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
from imagesets import smooth
from PIL import Image
from tinyproject import Project

from documented import tried
from documented.shown import commands, shown
from documented.userproject import SIZES, UserProject, images

pytestmark = pytest.mark.slow

CLASSES = ("cat", "dog")
HALF = 30  # of the 60 images


# One run on own images, and what can be done with it


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> UserProject:
    """A project in which README's command for own images ran, on 60 in two class folders."""
    folder = tmp_path_factory.mktemp("documented")
    project = UserProject(folder / "project").small()
    own = images(folder / "images", *CLASSES)
    project.type(shown(tried.OWN).replace("/path/to/images", str(own)))
    return project


def metrics_of(project: Project) -> dict[str, float]:
    """The scores that a run left."""
    found: dict[str, float] = json.loads((project.folder / "reports/metrics.json").read_text())
    return found


def test_own_images_in_class_folders_run_to_scores_and_a_page(scored: UserProject) -> None:
    manifest = json.loads((scored.folder / "data/multires/manifest.json").read_text())
    assert (manifest["count"], manifest["labels"]) == (60, [*CLASSES])
    found = metrics_of(scored)
    assert found["images"] <= HALF, "as many reals are compared with as many others"
    assert found["swd_avg"] > found["swd_avg_floor"] > 0
    assert "Progressive GAN" in (scored.folder / "reports/index.html").read_text()
    assert (scored.folder / "models/r16/generator.safetensors").is_file()


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"dvc exp show", r"swd_avg[\s\S]*/images"),
        (r"dvc metrics show", r"swd_avg"),
        (r"dvc plots show", r"file://.*dvc_plots/index.html"),
        (r"pgpipe runs", r"experiment +changed +SWD[\s\S]*\(this folder\) +dataset\.name='folder'"),
        (r"pgpipe data show", r"images +60[\s\S]*30: 'cat'[\s\S]*30: 'dog'"),
        (r"pgpipe data list", r"cifar10[\s\S]*celeba-hq"),
        (r"pgpipe check", r"folder, pggan, 1 phase to 16x16 pixels"),
        (r"pgpipe check --estimate", r"(?i)disk[\s\S]*memory|memory[\s\S]*disk"),
        (r"pgpipe verify", r""),
        (r"pgpipe gc", r""),
        (r"dvc status", r""),
        (r"pgpipe repair", r""),
        (r"pgpipe sync", r"\d+ runs?; sent \d+ points"),
        (r"pgpipe preset list", r"quick[\s\S]*table1-a"),
    ],
)
def test_what_looks_at_a_finished_run_shows_it(
    scored: UserProject, pattern: str, says: str
) -> None:
    assert re.search(says, scored.type(shown(pattern)))


def test_the_page_of_plots_has_the_quick_scores_and_needs_no_network(scored: UserProject) -> None:
    scored.type(shown(r"dvc plots diff NAME").replace("NAME", "HEAD"))
    file, config = scored.folder / "dvc_plots/index.html", scored.folder / ".dvc/config"
    page, own = file.read_text(), config.read_text()
    assert page.count("vegaEmbed('#") == 4
    assert re.search(r'"swd_avg_floor": "\d', page)
    loads = r"<(script|img|link)[^>]* (src|href)=\"(https?:)?//"
    assert not re.search(loads, page)
    scored.type(f"{shown(r'dvc config --unset plots.html_template')} && dvc plots show")
    assert re.search(loads, file.read_text())
    config.write_text(own)


def test_a_trained_generator_is_used(scored: UserProject) -> None:
    """All that the page shows, on classes that are called as in it."""
    typed = [command for command in commands() if re.fullmatch(tried.DRAWN, command)]
    assert len(typed) >= 12
    for name, picture in zip(("me", "you"), smooth(2, 48, seed=3), strict=True):
        Image.fromarray(picture[:40]).save(scored.folder / f"{name}.jpg")
    for command in typed:
        few = {"walk": " --frames 2", "project": " --steps 3 --starts 2"}.get(
            command.split()[1], ""
        )
        written = scored.type(command + few).partition(":")[0]
        assert (scored.folder / written).exists()
    assert len(list((scored.folder / "generated").glob("seed*.png"))) == 17
    card = (scored.folder / "exported/README.md").read_text()
    assert re.search(
        r"own images[\s\S]*classes \| cat, dog[\s\S]*## Scores[\s\S]*train\.seed: 0", card
    )


def test_own_images_are_looked_at(scored: UserProject) -> None:
    found = scored.type(shown(r"pgpipe data check --page check\.html"))
    assert re.search(r"\b60\b[\s\S]*cat[\s\S]*dog", found), found
    assert "<html" in (scored.folder / "check.html").read_text()


def test_own_images_are_looked_at_first(tmp_path: Path) -> None:
    project = UserProject(tmp_path / "project").small()
    own = images(tmp_path / "images", *CLASSES)
    found = project.type(shown(tried.LOOK).replace("/path/to/images", str(own)))
    assert re.search(r"\b60\b[\s\S]*cat[\s\S]*dog", found), found
    assert not (project.folder / "data/multires").exists(), "nothing is prepared yet"
    params = project.folder / "params.yaml"
    assert "name: folder" not in params.read_text(), "nor is anything set"
    settings = {"name: photos": "name: folder", "path: data/own": f"path: {own}"}
    for before, after in settings.items():
        params.write_text(params.read_text().replace(before, after))
    refused = project.type(shown(r"pgpipe preset photos-64"), code=2)
    assert "uncommitted edits" in refused
    project.type(shown(tried.COMMIT_OWN))
    for preset in (r"pgpipe preset photos-64", r"pgpipe preset default"):
        project.type(shown(preset))
        assert "name: folder " in (project.folder / "params.yaml").read_text()


def test_two_sets_are_scored_on_their_own(scored: UserProject, tmp_path: Path) -> None:
    real = scored.folder / "data/multires/r16/00000.npy"
    fake = scored.folder / "samples/images.npy"
    command = shown(tried.SCORE).replace("--real FOLDER_OR_NPY", f"--real {real}")
    command = command.replace("--fake FOLDER_OR_NPY", f"--fake {fake}")
    scored.type(f"{command.replace('scores.json', str(tmp_path / 'scores.json'))}")
    assert json.loads((tmp_path / "scores.json").read_text())["swd_avg"] > 0


def test_presets_are_shown_and_merged(tmp_path: Path) -> None:
    project = UserProject(tmp_path / "project").small()
    found = project.type(shown(tried.SHOW_PRESETS).replace("NAME [NAME ...]", "table1-a"))
    assert "Table 1 (a)" in found
    project.type(shown(tried.TWO_PRESETS))
    project.type("pgpipe check")
    assert "name: photos " in (project.folder / "params.yaml").read_text()


def test_a_preset_follows_another(tmp_path: Path) -> None:
    project = UserProject(tmp_path / "project").small()
    before = (project.folder / "params.yaml").read_text()
    project.type("pgpipe preset quick")
    for name in ("photos-64", "paper-128"):
        project.type(shown(f"pgpipe preset {name}"))
        assert (project.folder / "params.yaml").read_text() != before
    project.type("pgpipe check", code=2)  # there is no data/own
    project.type(shown(r"pgpipe preset default"))
    project.type("pgpipe check")
    project.type(shown(r"git checkout params\.yaml"))
    assert (project.folder / "params.yaml").read_text() == before


def test_rows_of_the_paper_are_queued_and_told(tmp_path: Path) -> None:
    project = UserProject(tmp_path / "project").small()
    queued = project.type(shown(tried.ABLATION))
    assert "dvc queue start -j 2" in queued
    status = project.type(shown(r"pgpipe study status"))
    for row in ("a", "b", "g"):
        assert re.search(rf"(?m)\b{row}\b.*queued", status), status
    for command in (shown(r"pgpipe study table"), shown(r"pgpipe study check")):
        assert "no finished run" in project.type(command, code=2), "none was started"
    project.type("dvc queue remove --all")


def test_a_clone_pulls_and_has_nothing_to_do(scored: UserProject, tmp_path: Path) -> None:
    here = UserProject(shutil.copytree(scored.folder, tmp_path / "here", symlinks=True))
    store = str(tmp_path / "store")
    here.type(shown(tried.REMOTE).replace("/path/or/address", store))
    here.type(shown(r"dvc push"))
    here.type(shown(tried.ADD_RESULTS))
    here.type(shown(tried.COMMIT_RESULTS))
    here.type(shown(r"gto register generator"))
    here.git("clone", "-q", str(here.folder), str(tmp_path / "clone"))
    clone = UserProject(tmp_path / "clone")
    clone.type(shown(r"dvc pull"))
    assert metrics_of(clone) == metrics_of(here)
    result = "models/r16/generator.safetensors"
    assert (clone.folder / result).read_bytes() == (here.folder / result).read_bytes()
    taking = shown(r"dvc artifacts get .*").replace("/path/or/address", str(clone.folder))
    clone.type(f"cd {tmp_path} && {taking}")
    taken = tmp_path / "generator.safetensors"
    assert taken.read_bytes() == (here.folder / result).read_bytes()


# What takes whole trainings: make faults


@pytest.fixture
def ready(tmp_path: Path) -> UserProject:
    """A small project with 60 images of two classes in data/own, which its parameters name."""
    project = UserProject(tmp_path / "project").small()
    images(project.folder / "data/own", *CLASSES)
    text = (project.folder / "params.yaml").read_text()
    assert "name: photos " in text
    (project.folder / "params.yaml").write_text(text.replace("name: photos ", "name: folder ", 1))
    project.commit()
    return project


@pytest.mark.faults
@pytest.mark.parametrize("count", [60, 83])
def test_own_images_in_one_folder_run_to_scores(tmp_path: Path, count: int) -> None:
    project = UserProject(tmp_path / "project").small()
    own = images(tmp_path / "images", count=count)
    project.type(shown(tried.OWN).replace("/path/to/images", str(own)))
    assert metrics_of(project)["swd_avg"] > 0


@pytest.mark.faults
def test_a_queue_of_experiments_on_own_images_ends_in_scores(ready: UserProject) -> None:
    for value in ("true", "false"):
        ready.type(shown(tried.QUEUE).replace("...", f"train.minibatch_stddev={value}"))
    ready.type(f"{shown(r'dvc queue start -j 2')} > /dev/null")
    while re.search("Queued|Running", status := ready.type("sleep 2; dvc queue status")):
        pass
    assert status.count("Success") == 2, status
    ready.type(shown(r"pgpipe queue"))
    scores = json.loads(ready.type("dvc exp show --json"))
    assert json.dumps(scores).count('"swd_avg"') >= 2


@pytest.mark.faults
def test_one_switch_is_an_experiment(ready: UserProject) -> None:
    ready.type(shown(r"dvc repro"))
    before = metrics_of(ready)
    ready.type(shown(tried.NO_STDDEV))
    assert "no-stddev" in ready.type("dvc exp show")
    switched = metrics_of(ready)
    back = ready.type(shown(tried.GO_BACK))
    assert metrics_of(ready) == before
    assert "Running stage 'train" not in back, "what was trained is in the cache"
    ready.type(shown(tried.APPLY))
    assert metrics_of(ready) == switched != before
    ready.type(shown(r"dvc exp run -S train\.minibatch_stddev=false"))
    ready.type(shown(tried.SELECT))
    assert metrics_of(ready)["last_kimg"] >= metrics_of(ready)["kimg"]


@pytest.mark.faults
def test_own_images_start_from_a_trained_generator(ready: UserProject, tmp_path: Path) -> None:
    """From networks of 16x16 whose classes are cat and dog, to 32x32 with dog and cow."""
    ready.type("dvc repro train@r16")
    ready.type(shown(tried.KEEP).replace("r32", "r16"))
    ready.type(f"{shown(r'pgpipe preset finetune')} --force")  # of the whole size, but for these
    sizes = {"growth.phases.r32.stable_kimg": 0.1, "reference.classifier_kimg": 0.1}
    sizes |= {f"model.{key}": value for key, value in SIZES["model"].items()}
    small = " ".join(f"-S {path}={value}" for path, value in sizes.items())
    own = images(tmp_path / "images", "dog", "cow")
    told = ready.type(f"{shown(tried.FINETUNE)} {small}".replace("/path/to/images", str(own)))
    assert "first weights are those of" in told
    assert "layers above 16x16, the rows of cow" in told
    assert metrics_of(ready)["swd_avg"] > 0
    status = ready.type(shown(r"pgpipe study status finetune"))
    assert re.search(r"from a trained generator +missing", status), status


@pytest.mark.faults
def test_an_edited_loss_trains_another_generator(ready: UserProject) -> None:
    result = ready.folder / "models/r16/generator.safetensors"
    ready.type("dvc repro train@r16")
    before = result.read_bytes()
    loss = ready.folder / "pgpipe/gan/losses/wgan_gp.py"
    loss.write_text(loss.read_text().replace("fake.mean()", "(3 * fake).mean()"))
    assert ready.git("diff", "--stat", "--", str(loss))
    ready.type("dvc repro train@r16")
    assert result.read_bytes() != before
    ready.git("checkout", "-q", "--", str(loss))
    ready.type("dvc repro train@r16")
    assert result.read_bytes() == before


@pytest.mark.faults
def test_several_processes_train(ready: UserProject) -> None:
    text = (ready.folder / "params.yaml").read_text()
    text = re.sub(r"minibatch_stddev: true", "minibatch_stddev: 4", text)
    text = re.sub(r"(?m)^  minibatch: 8", "  minibatch: 16", text)
    (ready.folder / "params.yaml").write_text(text)
    ready.type(shown(tried.PROCESSES))
    assert metrics_of(ready)["swd_avg"] > 0


@pytest.mark.faults
def test_stacked_digits_are_prepared(tmp_path: Path) -> None:
    project = UserProject(tmp_path / "project").small()
    project.type(shown(tried.DIGITS))
    manifest = json.loads((project.folder / "data/multires/manifest.json").read_text())
    assert len(manifest["labels"]) == 1000
