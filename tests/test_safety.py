"""No data that are read can run code: what the sources may not call, from their syntax trees.

Names are resolved through imports, so that `from torch import load` is `torch.load`. That each rule
can fail is shown by snippets that it refuses.
"""

import ast
import ipaddress
from pathlib import Path

import pytest
from PIL import Image

from pgpipe.data.reading import decode
from pgpipe.tracking import ui

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("pgpipe/**/*.py"), *ROOT.glob("stages/**/*.py")])

MODULES = {
    *("pickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "dbm", "joblib", "yaml"),
    *("jsonpickle", "runpy", "code", "codeop"),
}  # their readers run what they read
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.jit.load"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive"),
    *("torch.hub.load", "torch.serialization.add_safe_globals", "pandas.read_pickle"),
}
METHODS = {"extractall", "extract", "read_pickle"}  # of whatever object
ABSENT = object()
VALUES: dict[str, tuple[str, tuple[object, ...]]] = {  # what a keyword may be in a call
    "torch.load": ("weights_only", (True,)),
    "numpy.load": ("allow_pickle", (ABSENT, False)),
    "numpy.fromfile": ("allow_pickle", (ABSENT, False)),
    "ruamel.yaml.YAML": ("typ", (ABSENT, "safe", "rt")),
}
STATED = {"PIL.Image.open": "formats"}  # a keyword that a call has to have
UNQUIET = ("0.0.0.0", "::")  # noqa: S104 - addresses that other machines reach


def meanings(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops = {a.name.partition(".")[0] for a in node.names if not a.asname}
            found |= {a.asname: a.name for a in node.names if a.asname} | {t: t for t in tops}
        elif isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return found


def imported(node: ast.AST) -> set[str]:
    """The top packages that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if not isinstance(node, ast.ImportFrom) or all(a.name.endswith("Error") for a in node.names):
        return set()  # an exception reads nothing
    return {(node.module or "").partition(".")[0]}


def is_unsafe(call: ast.Call, names: dict[str, str]) -> bool:
    """Whether a call may run what it reads."""
    first, _, rest = ast.unparse(call.func).partition(".")
    name = names.get(first, first) + (f".{rest}" if rest else "")
    name = name.removeprefix("builtins.")
    given: dict[str | None, object] = {
        k.arg: k.value.value if isinstance(k.value, ast.Constant) else k for k in call.keywords
    }
    keyword, allowed = VALUES.get(name, ("", ()))
    return (
        name in CALLS
        or (isinstance(call.func, ast.Attribute) and call.func.attr in METHODS)
        or (bool(keyword) and given.get(keyword, ABSENT) not in allowed)
        or (name in STATED and STATED[name] not in given)
        or given.get("shell", False) is not False
        or (bool(keyword or name in STATED) and None in given)  # `**options` may say anything
    )


def unsafe(source: str) -> list[int]:
    """The lines of a module that break a rule."""
    tree = ast.parse(source)
    names = meanings(tree)
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and is_unsafe(node, names))
        or (isinstance(node, ast.Import | ast.ImportFrom) and imported(node) & MODULES)
        or (isinstance(node, ast.Constant) and node.value in UNQUIET)
    ]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_sources_run_nothing_that_they_read(file: Path) -> None:
    assert unsafe(file.read_text()) == []


@pytest.mark.parametrize(
    "snippet",
    [
        *(f"import {module}" for module in sorted(MODULES)),
        *(f"from {module} import load" for module in sorted(MODULES)),
        *(f"import {name.partition('.')[0]}\n{name}(x)" for name in sorted(CALLS)),
        *(f"archive.{method}(folder)" for method in sorted(METHODS)),
        "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)",
        "import torch\ntorch.load(f, weights_only=flag)",
        "import torch\ntorch.load(f, **options)",
        "from torch import load\nload(f)",
        "from torch import load as read\nread(f)",
        "import torch as t\nt.load(f)",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "from numpy import load\nload(f, allow_pickle=flag)",
        "from ruamel.yaml import YAML\nYAML(typ='unsafe')",
        "from ruamel.yaml import YAML\nYAML(typ='full', pure=True)",
        "import ruamel.yaml\nruamel.yaml.YAML(typ='base')",
        "from PIL import Image\nImage.open(f)",
        "import builtins\nbuiltins.eval(x)",
        "def f():\n    import pickle",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "run(command, shell=flag)",
        "serve('0.0.0.0')",
    ],
)
def test_each_rule_can_fail(snippet: str) -> None:
    assert unsafe(snippet)


@pytest.mark.parametrize(
    "snippet",
    [
        "import torch\ntorch.load(f, weights_only=True)",
        "import numpy as np\nnp.load(f, mmap_mode='r')",
        "import numpy as np\nnp.load(f, allow_pickle=False)",
        "from ruamel.yaml import YAML\nYAML(typ='safe', pure=True)",
        "from PIL import Image\nImage.open(f, formats=['PNG'])",
        "import subprocess\nsubprocess.run(['ls'])",
        "import re\nre.compile('x')",
    ],
)
def test_rules_leave_what_is_safe(snippet: str) -> None:
    assert not unsafe(snippet)


def test_images_of_users_are_of_few_formats_and_of_bounded_size() -> None:
    assert set(decode.FORMATS) == {"JPEG", "PNG", "WEBP"}
    assert Image.MAX_IMAGE_PIXELS is not None
    assert decode.MAX_PIXELS <= Image.MAX_IMAGE_PIXELS


def test_pages_are_for_this_machine_only() -> None:
    assert ipaddress.ip_address(ui.HOST).is_loopback
