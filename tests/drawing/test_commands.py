"""generate, walk and growth as a person types them, in a project and outside of one."""

import json
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image
from tinyproject import Project, Run

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.plumbing import tensors


@pytest.fixture(scope="module")
def model(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model by itself, which no project surrounds."""
    folder = tmp_path_factory.mktemp("model") / "r16"
    return shutil.copytree(finished.untouched.folder / "models/r16", folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_file_and_its_folder_draw_the_same(command: Run, model: Path, here: Path) -> None:
    assert command("generate", str(model), "--seeds", "0-3,9", "--to", "a")[0] == 0
    assert (
        command("generate", str(model / "generator.safetensors"), "--seeds", "9", "--to", "b")[0]
        == 0
    )
    assert sorted(path.name for path in (here / "a").iterdir())[-1] == "seed0009.png"
    difference = pixels(here / "a/seed0009.png").astype(int) - pixels(here / "b/seed0009.png")
    assert abs(difference).max() <= 1


def test_a_class_goes_by_its_name_or_number(command: Run, model: Path, here: Path) -> None:
    names = json.loads(json.dumps(tensors.read_facts(model / "generator.safetensors")["labels"]))
    assert len(names) == 10
    for name, folder in ((names[4], "named"), ("4", "numbered"), (names[5], "other")):
        assert (
            command("generate", str(model), "--class", name, "--seeds", "1", "--to", folder)[0] == 0
        )
    drawn = [pixels(here / folder / "seed0001.png") for folder in ("named", "numbered", "other")]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()
    code, _, told = command("generate", str(model), "--class", "unicorn")
    assert code == UsageError.exit_code
    assert f"class 'unicorn': this generator has {names[0]}, " in told


def test_films(command: Run, model: Path, here: Path) -> None:
    classes = ("--classes", "0,3", "--seeds", "1")
    for options in ((), ("--random",), classes):
        to = ("--frames", "2", "--to", "walk.webp")
        assert command("walk", str(model), *options, *to)[0] == 0
    assert command("walk", str(model), *classes, "--frames", "3", "--to", "w.gif")[0] == 0
    assert command("growth", str(model), "--to", "growth.webp")[0] == 0
    with Image.open(here / "growth.webp") as film:
        previews = len(list((model / "previews").glob("*.png")))
        assert film.n_frames == previews >= 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generate", "nowhere"], "nowhere: not found"),
        (["generate", "."], ".: a folder without generator.safetensors"),
        (["generate"], "no project here: name a generator's file"),
        (["growth"], "no project here"),
        (["generate", "runs:/no/such"], "runs:/no/such: there is no store"),
        (["generate", "runs:/"], "runs:/: no address of a run"),
        (["generate", "MODEL", "--seeds", "a"], "--seeds: 'a' is no seed"),
        (["generate", "MODEL", "--grid", "--to", "x.zip"], "--to: a .zip holds one picture"),
        (["generate", "MODEL", "--to", "MODEL/generator.safetensors"], "--to:"),
        (["walk", "MODEL", "--to", "walk.avi"], "a film is one of *.webp"),
        (["walk", "MODEL", "--grid", "3"], "--grid: '3' is no number of columns and rows"),
        (["walk", "MODEL", "--grid", "3x99"], "--grid: '3x99'"),
        (["walk", "MODEL", "--classes", "unicorn"], "class 'unicorn'"),
        (["walk", "MODEL", "--frames", "3000"], "24000 frames are more than"),
        (["growth", "MODEL/previews"], "previews: no folder of a trained phase"),
    ],
)
def test_what_cannot_be_is_one_line(
    command: Run, model: Path, here: Path, words: list[str], told: str
) -> None:
    before = sorted(path for path in model.rglob("*") if path.is_file())
    code, out, err = command(*(word.replace("MODEL", str(model)) for word in words))
    assert (code, out, err.count("\n")) == (UsageError.exit_code, "", 1), err
    assert told in err
    assert list(here.iterdir()) == []
    assert sorted(path for path in model.rglob("*") if path.is_file()) == before


class Payload:
    """What a pickle of someone else's may hold."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("canary"),))


def hostile(model: Path) -> dict[str, bytes]:
    """Files that are no generator's."""
    named, facts = tensors.read(model / "generator.safetensors")
    spec = facts["spec"]
    some = dict(list(named.items())[:3])
    return {
        "pickle": pickle.dumps(Payload()),
        "empty": b"",
        "cut off": (model / "generator.safetensors").read_bytes()[:-7],
        "another's": tensors.dump(some, {"any": "thing"}),
        "no facts": tensors.dump(some, None),
        "missing tensors": tensors.dump(some, facts),
        "a larger one": tensors.dump(named, {**facts, "spec": {**spec, "fmap_max": 4096}}),
        "endless": tensors.dump(named, {**facts, "spec": {**spec, "classes": 10**9}}),
        "another resolution": tensors.dump(named, {**facts, "resolution": 10**6}),
        "no resolution": tensors.dump(named, {**facts, "resolution": "16"}),
        "an unknown key": tensors.dump(named, {**facts, "spec": {**spec, "evil": 1}}),
        "an unknown system": tensors.dump(named, {**facts, "spec": {**spec, "name": "evil"}}),
    }


def test_files_that_are_no_generator_run_nothing(command: Run, model: Path, here: Path) -> None:
    for name, data in hostile(model).items():
        file = here / "given.safetensors"
        file.write_bytes(data)
        code, out, err = command("generate", str(file), "--to", "drawn")
        assert (code, out, err.count("\n")) == (IntegrityError.exit_code, "", 1), (name, err)
        assert "given.safetensors" in err, name
        assert [path.name for path in here.iterdir()] == ["given.safetensors"], name


def test_another_format_says_so(command: Run, model: Path, here: Path) -> None:
    named, facts = tensors.read(model / "generator.safetensors")
    tensors.save(here / "old.safetensors", named, {**facts, "format": 1})
    code, _, err = command("generate", "old.safetensors")
    assert code == UsageError.exit_code
    assert "a generator of format 1" in err


def test_a_project_draws_from_its_final_phase_and_a_run_from_what_it_logged(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> None:
    project = finished.untouched.copy(tmp_path / "project")
    project.run("dvc", "repro", "--single-item", "--force", "report")
    project.run("pgpipe", "sync")
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project.folder)
    assert command("generate", "--seeds", "3", "--to", "own")[0] == 0
    client = MlflowClient(tracking_uri=f"sqlite:///{project.folder}/mlflow.db")
    (found,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    address = f"runs:/{found.info.run_id}"
    for place in (address, f"{address}/generator", f"{address}/generator/generator.safetensors"):
        assert command("generate", place, "--seeds", "3", "--to", "logged")[0] == 0
        own, logged = (project.folder / f / "seed0003.png" for f in ("own", "logged"))
        assert own.read_bytes() == logged.read_bytes()
        logged.unlink()
    code, _, told = command("generate", f"{address}/nothing")
    assert code == 2
    assert "no nothing among what the run logged" in told
    code, _, told = command("generate", "runs:/0123abcd")
    assert code == 2
    assert "runs:/0123abcd: no such run in" in told


def test_photographs_are_projected_and_walked_between(
    command: Run, model: Path, here: Path
) -> None:
    command("generate", str(model), "--seeds", "600,601", "--to", "seen")
    one, other = (here / f"seen/seed0{n}.png" for n in (600, 601))
    with Image.open(one) as picture:  # no square, and larger
        picture.resize((48, 32)).save(here / "photo.jpg")
    few = ("--steps", "4", "--starts", "2", "--to", "found")
    code, out, err = command("project", "photo.jpg", str(other), "-g", str(model), *few)
    assert code == 0, err
    assert len(re.findall(r"\.png: \d+\.\d of 255 from the photograph", out)) == 2
    names = [f"{name}.{kind}" for name in ("photo", "seed0601") for kind in ("json", "png", "webp")]
    assert sorted(path.name for path in (here / "found").iterdir()) == names
    between = ("--between", "found/photo.json,found/seed0601.json")
    assert command("walk", str(model), *between, "--frames", "3", "--to", "w.png")[0] == 0
    assert command("directions", str(model), "--count", "2", "--seeds", "1")[0] == 0
    with Image.open(here / "directions.png") as picture:
        assert picture.width == 7 * 64


def test_what_is_no_photograph_or_has_no_latent_is_refused(
    command: Run, model: Path, here: Path
) -> None:
    (here / "text.png").write_text("no image")
    for image, code, told in (
        ("none.png", 2, "none.png: not found"),
        ("text.png", 3, "text.png: not a JPEG, PNG or WebP image"),
        (str(here), 3, "no file, but a folder"),
    ):
        found, out, err = command("project", image, "-g", str(model), "--to", "found")
        assert (found, out, err.count("\n")) == (code, "", 1), err
        assert told in err
        assert not (here / "found").exists()
    assert command("walk", str(model), "--between", "none.json")[0] == 2
    assert command("directions", str(model), "--count", "60")[0] == 2
