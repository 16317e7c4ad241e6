"""Code as part of what names a result: which modules, and what of them counts."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from specs import network_spec, train_section

from pgpipe.data.sources.table import SOURCES
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.plumbing.provenance import NO_RESULT as APART
from pgpipe.plumbing.provenance import Code, Memory, belongs, of_revision, running
from pgpipe.training.start import NO_WEIGHTS, training_code

MODULES = {
    "pgpipe/__init__.py": '"""All of it."""',
    "pgpipe/loss.py": (
        '"""A loss."""\n\nimport math\n\n'
        "from pgpipe import scale\nfrom pgpipe.typed import only\n\n\n"
        'def loss(x):\n    """Return it."""\n    return 2 * x  # twice\n'
    ),
    "pgpipe/scale.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
    "    from pgpipe.types import X\n\n\ndef called():\n    from pgpipe import late\n",
    "pgpipe/typed/__init__.py": "",
    "pgpipe/choice.py": "NUMBER = 1",
    "pgpipe/late.py": "",
    "pgpipe/types.py": "X = int",
}
ROOTS = ["pgpipe.loss"]


def code(**changes: str) -> Code:
    """The modules, some of them changed."""
    changed = {f"pgpipe/{name}.py": text for name, text in changes.items()}
    return Code({**MODULES, **changed}.get)


def test_the_modules_are_those_that_are_imported() -> None:
    """When a function is called, too; not for types alone."""
    found = code().modules(ROOTS)
    assert found == {"pgpipe.loss", "pgpipe.scale", "pgpipe.typed", "pgpipe.late"}
    assert "pgpipe.choice" in code().modules([*ROOTS, "pgpipe.choice:NUMBER"])
    assert code().modules(ROOTS, apart=["pgpipe.scale"]) == {"pgpipe.loss", "pgpipe.typed"}


@pytest.mark.parametrize(
    "text",
    [
        MODULES["pgpipe/loss.py"].replace("2 * x", "3 * x"),
        MODULES["pgpipe/loss.py"].replace("import math", "import cmath"),
        MODULES["pgpipe/loss.py"].replace("2 * x", "2.0 * x"),
        MODULES["pgpipe/loss.py"].replace("(x)", "(x=1)"),
    ],
)
def test_what_means_something_else_has_another_hash(text: str) -> None:
    assert code(loss=text).hash(ROOTS) != code().hash(ROOTS)


@pytest.mark.parametrize(
    "text",
    [
        MODULES["pgpipe/loss.py"].replace("twice", "two times"),
        MODULES["pgpipe/loss.py"].replace("Return it.", "Return the loss [].\n\n    By hand."),
        MODULES["pgpipe/loss.py"].replace('"""A loss."""\n', "# The loss\n"),
        MODULES["pgpipe/loss.py"].replace("2 * x", "(2\n            * x)"),
    ],
)
def test_comments_docstrings_and_layout_mean_nothing(text: str) -> None:
    assert code(loss=text).hash(ROOTS) == code().hash(ROOTS)


def test_an_edit_of_what_is_not_imported_changes_nothing() -> None:
    assert code(choice="NUMBER = 2", types="X = str").hash(ROOTS) == code().hash(ROOTS)
    assert code(scale="").hash(ROOTS) != code().hash(ROOTS)


def test_a_module_that_is_gone_or_broken_is_another() -> None:
    assert code(loss="").hash(ROOTS) != code(loss="def").hash(ROOTS) != code().hash(ROOTS)


def test_a_revision_of_git_has_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project that is a folder of its repository; with line ends and letters of others."""
    project = tmp_path / "sub"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def git(*arguments: str) -> None:
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True)

    for path, text in {**MODULES, "stages/train.py": 'NAME = "größer"\r\n'}.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(text.encode())
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    monkeypatch.chdir(project)
    roots = [*ROOTS, "stages.train"]
    first = of_revision("HEAD").hash(roots)
    texts = {**MODULES, "stages/train.py": 'NAME = "größer"\n'}
    assert first == Code(texts.get).hash(roots)
    (project / "pgpipe/loss.py").write_text("X = 1\n")
    git("commit", "-qam", "second")
    assert of_revision("HEAD").hash(roots) != first == of_revision("HEAD~1").hash(roots)
    git("commit", "-q", "--allow-empty", "-m", "third")
    assert of_revision("HEAD") is of_revision("HEAD~1"), "read once"


# What Python really loads

TRAINS = """
import sys
from pathlib import Path

sys.path.insert(0, "tests")
from tinyphase import Count, Place
from specs import CODER, DCGAN
loss, nets, folder = sys.argv[1:]
model = {"pggan": {}, "dcgan": {**DCGAN, "fmap_max": 4, "classes": 0}, "weak": {"name": "weak"},
         "vae-gan": {**CODER, "name": "vae-gan"}}
train = {"loss": loss, "minibatch_stddev": False, "label_conditioning": False}
place = Place(Path(folder), {"fused_downsampling": False, "classes": 0, **model[nets]}, train)
from tinyphase import phase
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.phase import PhaseTraining
from pgpipe.training import start
first = phase(**{"from": "init"}, res=8, fade_kimg=0, stable_kimg=0.016)
states = StateFolder(Path(folder) / "states")
PhaseTraining(place.first_job(first), place.batches(8), states, Count()).run()
print("LOADED", *sys.modules)
"""


def loaded(script: str, *arguments: str) -> set[str]:
    """Our modules that a script loads, apart from those that make no result."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = done.stdout.rpartition("LOADED")[2].split()
    return {name for name in names if name.partition(".")[0] in ("pgpipe", "stages")}


def without(names: Iterable[str], apart: Iterable[str]) -> set[str]:
    return {name for name in names if not belongs(name, apart)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "nets"),
    [("wgan-gp", "pggan"), ("lsgan", "weak"), ("relativistic", "dcgan"), ("hinge", "vae-gan")],
)
def test_a_training_loads_the_modules_that_it_is_named_by(
    loss: str, nets: str, tmp_path: Path
) -> None:
    spec = network_spec().model_copy(update={"name": nets})
    stage, *roots = training_code(train_section(loss=loss), spec)
    assert stage == "stages.train"  # which also loads what tracks, and so no result
    named = running().modules(roots, NO_WEIGHTS)
    # Packages hold nothing but a docstring.
    files = {name for name in loaded(TRAINS, loss, nets, str(tmp_path)) if not is_package(name)}
    of_stage = {"pgpipe.gan.text"}  # which the stage loads, and here the test's place of data
    assert without(files, [*APART, *NO_WEIGHTS]) - of_stage == named - of_stage
    assert of_stage <= running().modules([stage])


def is_package(name: str) -> bool:
    return Path(__file__).parents[2].joinpath(*name.split(".")).is_dir()


def test_each_loss_network_and_source_is_a_module_of_ours() -> None:
    names = [
        *(row.module for row in LOSSES.values()),
        *(place for system in SYSTEMS.values() for place in system.code),
    ]
    for name in [*names, *SOURCES.values()]:
        assert running().text(name.partition(":")[0]), name


# What was parsed is kept


def remembering(file: Path, **changes: str) -> tuple[str, Memory]:
    """The hash of the modules with a memory, and the memory as another process finds it."""
    changed = {f"pgpipe/{name}.py": text for name, text in changes.items()}
    memory = Memory(file)
    return Code({**MODULES, **changed}.get, memory).hash(ROOTS), Memory(file)


def test_what_was_parsed_is_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, again = remembering(tmp_path / "code.json")
    assert found == code().hash(ROOTS)
    monkeypatch.setattr("ast.parse", None)
    assert Code(MODULES.get, again).hash(ROOTS) == found


def test_an_edit_is_parsed_although_others_are_known(tmp_path: Path) -> None:
    file, edited = tmp_path / "code.json", MODULES["pgpipe/loss.py"].replace("2 * x", "3 * x")
    remembering(file)
    found, again = remembering(file, loss=edited)
    assert found == code(loss=edited).hash(ROOTS) != code().hash(ROOTS)
    assert len(again.parsed) == 4  # loss, twice, scale, and the empty text


@pytest.mark.parametrize("damage", [b"", b"[]", b"[1, {}]", b"{", None])
def test_a_damaged_memory_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    file = tmp_path / "code.json"
    remembering(file)
    whole = file.read_bytes()
    flipped = whole.replace(b"pgpipe", b"pgpype", 1)
    file.write_bytes(flipped if damage is None else damage)
    assert not Memory(file).parsed
    assert remembering(file)[0] == code().hash(ROOTS)
    assert file.read_bytes() == whole


def test_a_memory_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    found, again = remembering(tmp_path / "no such folder/code.json")
    assert found == code().hash(ROOTS)
    assert not again.parsed


def test_a_memory_holds_the_newest_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "MOST", 5)
    for number in range(7):
        edited = MODULES["pgpipe/loss.py"].replace("2 * x", f"{number} * x")
        _, again = remembering(tmp_path / "code.json", loss=edited)
    assert len(again.parsed) == 5
