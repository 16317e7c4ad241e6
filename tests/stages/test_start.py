"""model.start from the user's file to the first weights: looked at, checked, taken, or refused."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from mlflow import MlflowClient
from specs import train_section
from tinyparams import with_values
from tinyphase import R4, Count, Place
from tinyproject import Run

from pgpipe.errors import UsageError
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.sampling import save_generator
from pgpipe.gan.started import Started
from pgpipe.plumbing import tensors
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.tracking.address import artifacts_uri
from pgpipe.tracking.tracker import NullTracker
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.job import Job
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.start import make_job, state_key
from stages import check, find, init
from stages.listeners import log_data
from stages.paths import LAYERS, START, model
from stages.tracked import made_of

SIZES = {"model__fmap_base": 32, "model__fmap_max": 4, "model__latent_size": 5}
LABELS = ("a", "b")
SEED = 5  # of the networks that are given
FILE = Path("starts/given/networks.safetensors")


def params(**values: object) -> check.Params:
    """Write a params.yaml of small networks."""
    document = with_values(**(SIZES | values))
    Path("params.yaml").write_text(json.dumps(document))
    return check.check(document, "params.yaml")


def spec_of(params: check.Params) -> NetworkSpec:
    return NetworkSpec.of(params.model, params.train, 3, len(LABELS), stacked=False)


def give(seed: int = SEED, resolution: int = 8, file: Path = FILE) -> Started:
    """Write networks as another training may have left them."""
    spec = spec_of(params())
    named = weights.initial(spec, resolution, seed)
    named |= {n.replace("generator", "average"): v.clone() for n, v in named.items() if n[0] == "g"}
    given = Started(file, spec, resolution, LABELS, named)
    file.parent.mkdir(parents=True, exist_ok=True)
    given.save(file)
    return given


@pytest.fixture(autouse=True)
def here(project: Path) -> Path:
    """A project with a prepared data set, as far as `init` looks at it."""
    manifest = {"count": 5000, "channels": 3, "labels": list(LABELS), "arrays": {}}
    write_json(project / "data/multires/manifest.json", manifest)
    return project


def initialised(**values: object) -> dict[str, bytes]:
    """The layers that find and init leave."""
    params(**values)
    find.run()
    init.run()
    return {file.stem: file.read_bytes() for file in LAYERS.glob("*.safetensors")}


# What is taken


def test_first_weights_are_those_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    given, drawn = give(), initialised()
    layers = initialised(model__start="starts/given")
    first = {name: value for key in layers for name, value in read(key).items()}
    assert all(first[name].equal(value) for name, value in given.named.items())
    assert layers["r16"] != drawn["r16"], "what the file says of itself"
    assert tensors.parse(layers["r16"])[0].keys() == tensors.parse(drawn["r16"])[0].keys()
    assert "init: first weights are those of starts/given/networks" in capsys.readouterr().err


def read(key: str) -> tensors.Tensors:
    return tensors.read(LAYERS / f"{key}.safetensors")[0]


def job() -> Job:
    asked = params()
    phase = asked.growth.phases["r4"]
    return make_job(
        "r4", phase, asked.train, model("init") / "state.safetensors", LAYERS / "r4.safetensors"
    )


def test_networks_that_equal_the_draw_are_the_training_without_them(here: Path) -> None:
    """The same tensors under the same names: bits of a training follow from them."""
    seed = params().train.seed
    give(seed)
    initialised()
    plain = job()
    initialised(model__start="starts/given")
    assert job().tensors.keys() == plain.tensors.keys()
    assert all(job().tensors[name].equal(value) for name, value in plain.tensors.items())
    assert (job().trained, plain.trained) == (["generator", "discriminator", "average"], ())


def test_the_average_starts_from_the_average(here: Path) -> None:
    given = give()
    other = given.named["average.blocks.4.conv.weight"].mul_(2).clone()
    given.save(FILE)
    initialised(model__start="starts/given")
    found = job().tensors
    assert found["average.blocks.4.conv.weight"].equal(other)
    assert found["generator.blocks.4.conv.weight"].equal(other / 2)


def test_a_trained_d_is_not_fitted_to_the_data_again(tmp_path: Path) -> None:
    place = Place(tmp_path, model={"minibatch_discrimination": 2})
    first = place.first_job(R4)
    name = "blocks.4.discrimination.log_length"
    for trained, same in ((), False), (("generator", "discriminator"), True):
        given = dataclasses.replace(first, trained=trained)
        made = PhaseTraining(given, place.batches(4), StateFolder(tmp_path / "none"), Count())
        found = made.networks.discriminator.get_parameter(name)
        assert found.equal(first.tensors[f"discriminator.{name}"]) == same


# What DVC sees


def test_a_changed_file_is_seen_and_names_other_states() -> None:
    keys, seen = set(), set()
    for seed in (SEED, SEED, SEED + 1):
        give(seed)
        initialised(model__start="starts/given")
        seen.add(START.read_bytes())
        layers = LAYERS / "r8.safetensors"
        before = model("init") / "state.safetensors"
        keys.add(state_key(R4, train_section(), before, layers, {}))
    assert len(seen) == len(keys) == 2
    assert json.loads(START.read_text()) == {
        "model.start": [[FILE.name, FILE.stat().st_size, sha256_file(FILE)]]
    }


def test_a_run_of_mlflow_is_named_by_the_file_and_says_so() -> None:
    class Tags(NullTracker):
        found: ClassVar[dict[str, str]] = {}

        def set_tags(self, tags: Mapping[str, str]) -> None:  # type: ignore[override]
            self.found.update(tags)

    manifest, made = json.loads(Path("data/multires/manifest.json").read_text()), set()
    for start, seed in ("", 0), ("starts/given", SEED), ("starts/given", SEED + 1):
        give(seed)
        params(model__start=start)
        find.run()
        made.add(made_of())
        log_data(Tags(), manifest)
        assert Tags.found.get("start") == (sha256_file(FILE) if start else None)
    assert len(made) == 3


def test_a_file_that_changes_after_the_look_is_refused() -> None:
    give()
    initialised(model__start="starts/given")
    before = (LAYERS / "r4.safetensors").read_bytes()
    give(SEED + 1)
    params(model__start="starts/given")
    with pytest.raises(UsageError, match="was changed since `find` looked at it"):
        init.run()
    assert (LAYERS / "r4.safetensors").read_bytes() == before


def test_the_fullest_file_of_a_folder_is_taken() -> None:
    given = give()
    net = weights.generator(given.spec, 8)
    weights.load(net, given.named, "generator")
    for name in ("generator.safetensors", "networks.safetensors", "state.safetensors"):
        if name.startswith("g"):
            save_generator(FILE.with_name(name), net)
        elif name != FILE.name:
            shutil.copy(FILE, FILE.with_name(name))
        params(model__start="starts/given")
        find.run()
    assert json.loads(START.read_text())["model.start"][0][0] == "state.safetensors"


def test_relative_path_is_the_main_checkout_s(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give()
    layers = initialised(model__start="starts/given")
    workspace = here / ".dvc/tmp/exps/one"
    shutil.copytree(here / "data", workspace / "data")
    shutil.copy("params.yaml", workspace)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("DVC_ROOT", str(here))
    assert initialised(model__start="starts/given") == layers


# A run's address


def test_what_a_run_has_logged_is_fetched_once(
    here: Path, empty_store: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, "mlflow.db")
    client = MlflowClient(tracking_uri=f"sqlite:///{here}/mlflow.db")
    experiment = client.create_experiment("ours", artifacts_uri())
    run = client.create_run(experiment).info.run_id
    give()
    client.log_artifact(run, str(FILE), "generator")
    start = f"runs:/{run}/generator/{FILE.name}"
    layers = initialised(model__start=start)
    assert initialised(model__start="starts/given") == layers
    Path("mlflow.db").unlink()
    assert initialised(model__start=start) == layers
    params(model__start="runs:/0123abcd")
    code, _, said = command("find")
    assert code == 2
    assert "runs:/0123abcd: there is no store" in said.splitlines()[-1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert command("find")[0] == 7


# What is refused before anything is removed


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("nowhere", "model.start: nowhere: not found; name a copy of a models/rN folder"),
        ("data", "model.start: data: overlaps data/checked, which the pipeline writes; copy it"),
        ("models/r32", "(mkdir -p starts && cp -rL models/r32 starts/) and name the copy"),
        (".pgpipe/state/x.safetensors", "overlaps .pgpipe"),
        ("starts", "model.start: starts: a folder without state.safetensors, networks.safe"),
        ("runs:/", "runs:/: no address of a run"),
        ("params.yaml", "params.yaml: not a readable file of tensors"),
    ],
)
def test_check_says_what_is_wrong_with_a_place(
    start: str, told: str, command: Run, here: Path
) -> None:
    give()
    params(model__start=start)
    code, out, line = command("check")
    assert (code in (2, 3), out, line.count("\n")) == (True, "", 1), line
    assert told in line
    assert not (here / "data/checked").exists()


def test_check_says_what_does_not_fit(command: Run) -> None:
    give()
    params(model__start="starts/given", model__latent_size=6)
    code, _, line = command("check")
    assert code == 2
    assert "seed.weight is [7, 4, 4, 4] there, [16, 4, 4, 4] here" in line
    assert "it was trained with model.latent_size: 5" in line
    params(model__start="starts/given")
    assert command("check")[0] == 0


@pytest.mark.parametrize("start", ["a\0b", 5, ["a"]])
def test_what_is_no_path_is_refused(start: object) -> None:
    with pytest.raises(UsageError, match=r"model\.start: "):
        params(model__start=start)


@pytest.mark.parametrize("start", ["", None])
def test_nothing_is_no_start(start: str | None) -> None:
    plain = initialised()
    assert initialised(model__start=start) == plain
    assert json.loads(START.read_text()) == {"model.start": "none of the user's files"}
