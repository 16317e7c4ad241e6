"""The rules of the layout, from the sources: what imports what, and what dvc.yaml says of it.

Imports are read from the syntax tree, those inside functions included.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pgpipe.commands import app as cli
from pgpipe.config import Section, load_yaml, paths_of
from pgpipe.data.sources.table import SOURCES as SOURCES_BY_NAME
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.table import METRICS
from pgpipe.plumbing.provenance import NO_RESULT, belongs, executed, running
from pgpipe.plumbing.sealed import MAKERS
from pgpipe.training.quick_task import WORKER
from stages.check import Params, check
from stages.code import COMPUTE, pipeline_code

ROOT = Path(__file__).parent.parent
HELPERS = {
    "stages.code",
    "stages.listeners",
    "stages.paths",
    "stages.tracked",
}  # of stages, but no stages


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = sorted([*ROOT.glob("pgpipe/**/*.py"), *ROOT.glob("stages/**/*.py")])
FILES = {module_name(file): file for file in SOURCES}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}
STAGES = {name.removeprefix("stages.") for name in FILES if name.startswith("stages.")} - {
    name.removeprefix("stages.") for name in HELPERS
}
DVC: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")


def imports(name: str) -> set[str]:
    """The modules, ours and foreign, that a module names in its import statements."""
    found: set[str] = set()
    for node in executed(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{name}: relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & FILES.keys() or {node.module}
            found |= {node.module} - FILES.keys()
    return found


GRAPH = {name: imports(name) & FILES.keys() for name in FILES}
TABLES = {  # modules that are imported by name
    "pgpipe.data.sources.table": set(SOURCES_BY_NAME.values()),
    "pgpipe.gan.losses.loss": {row.module for row in LOSSES.values()},
    "pgpipe.metrics.scores": {metric.compute for metric in METRICS.values()},
    "pgpipe.gan.weights": {n.where for s in SYSTEMS.values() for n in s.networks.values()},
    "pgpipe.training.phase": {system.step for system in SYSTEMS.values()},
    "pgpipe.training.quick_task": {WORKER},
}
CHOICES = {
    name: {choice.partition(":")[0] for choice in choices} for name, choices in TABLES.items()
}


def stage_entry(stage: str) -> dict[str, Any]:
    entry: dict[str, Any] = DVC["stages"][stage]
    inner: dict[str, Any] = entry.get("do", entry)
    return inner


# Imports point down

LAYERS = (
    {"pgpipe", "pgpipe.errors"},
    {"pgpipe.plumbing.git"},
    {
        "pgpipe.plumbing.hashes",
        "pgpipe.plumbing.locks",
        "pgpipe.plumbing.project",
        "pgpipe.plumbing.terminal",
        "pgpipe.plumbing.unwritable",
    },
    {
        "pgpipe.config",
        "pgpipe.plumbing",
        "pgpipe.plumbing.devices",
        "pgpipe.plumbing.files",
        "pgpipe.plumbing.layout",
        "pgpipe.plumbing.libraries",
        "pgpipe.plumbing.timer",
    },
    {"pgpipe.plumbing.filehashes", "pgpipe.plumbing.provenance"},
    {"pgpipe.plumbing.sealed"},
    {
        "pgpipe.images",
        "pgpipe.metrics.table",
        "pgpipe.optimisers",
        "pgpipe.plumbing.fetch",
        "pgpipe.plumbing.processes",
        "pgpipe.plumbing.startfile",
        "pgpipe.plumbing.tensors",
        "pgpipe.rng",
    },
    {"pgpipe.gan", "pgpipe.data", "pgpipe.metrics"},
    {"pgpipe.training", "pgpipe.scoring", "pgpipe.drawing"},
    {"pgpipe.tracking", "pgpipe.reporting", "pgpipe.presets", "pgpipe.estimate"},
    {"stages", "pgpipe.inspection"},
    {"pgpipe.experiments"},
    {"pgpipe.studies"},
    {"pgpipe.upkeep"},
    {"pgpipe.commands", "pgpipe.__main__"},
)  # whoever stands on one line does not know the others there
MIRRORS = {"pgpipe.tracking", "pgpipe.reporting"}  # take files and numbers


def room(name: str) -> str:
    """The top module or package of ours that a module belongs to; of the plumbing, the pipe."""
    if name == "pgpipe.metrics.table":  # names and words, which every room may read
        return name
    depth = 1 if name.startswith("stages") else 3 if name.startswith("pgpipe.plumbing") else 2
    return ".".join(name.split(".")[:depth])


def layer(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room(name) in rooms)


def edges() -> Iterator[tuple[str, str]]:
    return ((name, other) for name, others in GRAPH.items() for other in others)


def test_every_module_has_its_place() -> None:
    assert {room(name) for name in FILES} == set().union(*LAYERS)


def test_imports_point_down() -> None:
    up = [
        f"{name} -> {other}"
        for name, other in edges()
        if room(name) != room(other) and layer(name) <= layer(other)
        if (name, other) != ("pgpipe.__main__", "pgpipe.commands.app")
    ]
    assert not up


def test_what_only_mirrors_does_not_import_what_computes() -> None:
    computing = set().union(*LAYERS[7:9])
    assert not [
        f"{name} -> {other}"
        for name, other in edges()
        if room(name) in MIRRORS and room(other) in computing
    ]


def test_no_cycles() -> None:
    TopologicalSorter(GRAPH).prepare()


def test_the_path_of_the_user_s_files_is_resolved_in_one_place() -> None:
    """Against the main checkout: the workspaces of DVC's experiments have none of them."""
    own = re.compile(r"Path\((\w+\.)*(dataset|params|section)\.path\)")
    assert not [name for name, file in FILES.items() if own.search(file.read_text())]


READING = {
    "json.loads", "json.load", "np.load", "np.loadtxt", "np.fromfile", "pd.read_csv", "Image.open",
    "csv.DictReader", "csv.reader",
}  # fmt: skip
READ_ELSEWHERE = {  # what no stage hands to another, and why
    "pgpipe.studies.results", "pgpipe.experiments.runs",  # git's objects
    "pgpipe.studies.curves",  # DVC's cache
    "pgpipe.data.reading.annotations", "pgpipe.data.reading.decode",  # the user's
    "pgpipe.inspection.kinds",
    "pgpipe.data.sources.digits", "pgpipe.data.sources.emoji",  # a package's
    "pgpipe.data.preparing.writing",  # what was written just now
    "pgpipe.data.sources.arrays", "pgpipe.data.sources.parquet",  # the user's
    "pgpipe.data.sources.tfrecords",
    "pgpipe.plumbing.filehashes", "pgpipe.training.auto",  # memories that may be lost
    "pgpipe.estimate.rates",
    "pgpipe.metrics.store",  # a file without a name
    "pgpipe.plumbing.provenance",  # its own memory, under a seal
    "pgpipe.reporting.ablation_table",  # a part of this package
    "pgpipe.drawing.growth",  # bytes that `sealed` has read
    "pgpipe.reporting.page",  # pictures that the stage `report` has made
    "pgpipe.reporting.figures", "pgpipe.plumbing.tensors",
    "pgpipe.tracking.pictures",  # a preview, which costs no result
    "pgpipe.training.quick_worker",  # its arguments
    "pgpipe.upkeep.cache", "pgpipe.upkeep.live", "pgpipe.upkeep.mends",  # DVC's own
}  # fmt: skip


def test_what_stages_hand_to_one_another_is_read_in_one_place() -> None:
    """Else damage of it would be a bug's exit code, or used without a word."""
    users = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in READING
    }
    assert users - READ_ELSEWHERE == {"pgpipe.plumbing.sealed"}


def test_the_stage_that_makes_a_file_is_that_of_dvc() -> None:
    """`pgpipe.plumbing.sealed` names it in its errors."""
    for place, stage in MAKERS.items():
        entry = stage_entry(stage)
        outs = [*entry.get("outs", []), *entry.get("metrics", [])]
        names = [out if isinstance(out, str) else next(iter(out)) for out in outs]
        assert any(Path(place) in [Path(name), *Path(name).parents] for name in names), place


# Foreign packages have one home

HOMES = {
    "fastapi": {"pgpipe.drawing"},
    "uvicorn": {"pgpipe.drawing"},
    "mlflow": {"pgpipe.tracking"},
    "typer": {"pgpipe.commands"},
    "click": {"pgpipe.commands"},
    "pandas": {"pgpipe.reporting"},
    "matplotlib": {"pgpipe.reporting"},
    "jinja2": {"pgpipe.reporting"},
    "rich": {"pgpipe.plumbing.terminal", "pgpipe.reporting"},
    "crc32c": {"pgpipe.data"},
    "filelock": {"pgpipe.plumbing.locks", "pgpipe.plumbing.fetch"},
    "safetensors": {"pgpipe.plumbing.tensors"},
    "requests": {"pgpipe.plumbing.fetch", "pgpipe.tracking"},  # which MLflow asks by
    "urllib3": {"pgpipe.plumbing.fetch"},
    "ruamel": {"pgpipe.config", "pgpipe.presets"},
    "scipy": {"pgpipe.data", "pgpipe.inspection", "pgpipe.reporting"},
    "h5py": {"pgpipe.data"},
    "imageio_ffmpeg": {"pgpipe.drawing"},
    "lmdb": {"pgpipe.data"},
    "onnx": {"pgpipe.drawing"},
    "onnxruntime": {"pgpipe.drawing"},
    "onnxscript": {"pgpipe.drawing"},
    "pyarrow": {"pgpipe.data"},
    "dvc": {"pgpipe.experiments"},
    "submitit": {"pgpipe.experiments"},
}


PRINTS = re.compile(
    r"\bprint\(|\b[cs]?echo\(|\bstd(out|err)\.write|\bsys\.std(out|err)\b|\.print\(|\bwarnings\.warn\("
)


def test_the_terminal_is_written_in_one_place() -> None:
    """Names, labels and servers' answers go through its filter; the meter has one of its own."""
    may = {"pgpipe.plumbing.terminal", "pgpipe.reporting.progress"}
    assert {name for name, file in FILES.items() if PRINTS.search(file.read_text())} == may


@pytest.mark.slow
@pytest.mark.parametrize("package", HOMES)
def test_foreign_package_has_one_home(package: str) -> None:
    users = {name for name in FILES if package in {i.partition(".")[0] for i in imports(name)}}
    assert not {name for name in users if room(name) not in HOMES[package]}


def test_foreign_packages_are_declared() -> None:
    """Those of an extra have one home, which says what to install where they are missing."""
    needed, _, rest = (ROOT / "pyproject.toml").read_text().lower().partition("[project.optional")
    extras = rest.partition("[project.scripts]")[0]
    ours, names = {"pgpipe", "stages"}, {"PIL": "pillow", "skimage": "scikit-image"}
    foreign = {i.partition(".")[0] for name in FILES for i in imports(name)}
    foreign -= ours | set(sys.stdlib_module_names) | {"pydantic_core"}
    declared = {name: f'"{names.get(name, name.replace("_", "-"))}' for name in foreign}
    missing = {name for name, entry in declared.items() if entry not in needed}
    assert missing == {name for name in missing if HOMES.get(name) and declared[name] in extras}


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_checking_parameters_imports_nothing_heavy() -> None:
    configs = [name for name in FILES if name.endswith(".config")]
    light = [
        "pgpipe.commands.app",
        "pgpipe.presets.files",
        "pgpipe.gan.schedule",
        "stages.check",
        *configs,
    ]
    loaded = run_python(f"import sys, {', '.join(light)}; print(*sys.modules)").split()
    heavy = {"torch", "numpy", "PIL", "mlflow", "pandas", "matplotlib", "dvc", "skimage"}
    assert not heavy & set(loaded)


@pytest.mark.slow
def test_training_and_below_need_neither_dvc_nor_mlflow_nor_figures() -> None:
    low = [name for name in FILES if layer(name) <= layer("pgpipe.training")]
    run_python(f"""
import sys
class Blocker:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {{"dvc", "mlflow", "typer", "pandas", "matplotlib"}}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
import {", ".join(low)}
""")


# Stages, commands, dvc.yaml and params.yaml have the same names


def test_stages_are_files_commands_and_keys_of_dvc() -> None:
    commands = {
        command.name or getattr(command.callback, "__name__", "")
        for command in cli.app.registered_commands
        if command.rich_help_panel == "Stages"
    }
    assert commands == STAGES == set(DVC["stages"])


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stage_is_run_by_its_command(stage: str) -> None:
    """By nothing else: what stands in params.yaml never reaches a shell."""
    assert stage_entry(stage)["cmd"] == f"exec python -m pgpipe {stage}"


def test_sections_of_params_are_the_fields_of_check() -> None:
    document = load_yaml(ROOT / "params.yaml")
    assert list(document) == list(Params.model_fields)
    check(document, "params.yaml")


def test_tests_use_the_parameters_that_there_are() -> None:
    ours, theirs = (load_yaml(ROOT / file) for file in ("params.yaml", "tests/params.yaml"))
    for name in ours.keys() - {"growth"}:
        assert ours[name].keys() == theirs[name].keys()


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_stage_declares_the_params_that_it_reads(stage: str) -> None:
    view: type[Section] = import_module(f"stages.{stage}").Params
    entry = stage_entry(stage)
    declared = [path.replace("${key}", "{key}") for path in entry.get("params", [])]
    if stage == "check":
        assert declared == []
        assert "params.yaml" in entry["deps"]
    else:
        assert sorted(declared) == sorted(paths_of(view))


def test_only_whole_file_readers_depend_on_the_whole_file() -> None:
    readers = {stage for stage in STAGES if "params.yaml" in stage_entry(stage)["deps"]}
    assert readers == {"check", "report"}


# A stage's deps name the code that makes its result

OF_CHECK = {  # the verdict of `check` is made there
    "pgpipe.config",
    "pgpipe.gan.losses.table",
    "pgpipe.gan.systems",
    "pgpipe.tracking",
}


def closure(stage: str) -> set[str]:
    """The modules that a stage imports, directly or not or by name, as far as they make results."""
    apart = NO_RESULT.keys() - (OF_CHECK if stage == "check" else set())
    found, open_ends = set(), [f"stages.{stage}"]
    while open_ends:
        name = open_ends.pop()
        if name not in found and not belongs(name, apart):
            found.add(name)
            open_ends += GRAPH[name] | CHOICES.get(name, set())
    return found


def code_deps(stage: str) -> set[str]:
    return {dep for dep in stage_entry(stage)["deps"] if dep.startswith(("pgpipe", "stages"))}


def covers(dep: str, name: str) -> bool:
    path = FILES[name].relative_to(ROOT)
    return path == Path(dep) or Path(dep) in path.parents


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_deps_cover_the_code_that_makes_the_result(stage: str) -> None:
    missing = {
        str(FILES[name].relative_to(ROOT))
        for name in closure(stage)
        if not any(covers(dep, name) for dep in code_deps(stage))
    }
    assert not missing, f"{stage} also needs {sorted(missing)}"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_deps_name_no_code_that_the_stage_does_not_import(stage: str) -> None:
    used = closure(stage) | {"pgpipe.config"}
    assert not {dep for dep in code_deps(stage) if not any(covers(dep, name) for name in used)}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_deps_of_code_exist(stage: str) -> None:
    assert not {dep for dep in code_deps(stage) if not (ROOT / dep).exists()}


def test_what_makes_no_result_exists() -> None:
    assert not NO_RESULT.keys() - FILES.keys()


def test_what_results_are_named_by_are_the_deps_of_code() -> None:
    """A state, its quick scores and the rest of a pipeline, over all that can be chosen."""
    documents = [
        {"dataset": {"name": data}, "train": {"loss": loss}, "model": {"name": nets}}
        for data, loss, nets in zip_longest(SOURCES_BY_NAME, LOSSES, SYSTEMS, fillvalue="")
        for data, loss, nets in [(data or "photos", loss or "hinge", nets or "weak")]
    ]
    named = set().union(*(running().modules(pipeline_code(document)) for document in documents))
    assert named == set().union(*(closure(stage) for stage in COMPUTE))


def test_packages_hold_nothing_but_a_docstring_and_a_version() -> None:
    """So a stage that imports from a package depends on the module alone."""
    for name, file in FILES.items():
        if file.name == "__init__.py":
            body = [node for node in TREES[name].body[1:] if not isinstance(node, ast.Assign)]
            assert ast.get_docstring(TREES[name]), name
            assert not body, name
