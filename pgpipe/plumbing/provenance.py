"""The code that a result comes from: the modules of ours that a work imports, by what they mean.

A result that is kept is named by a hash of all that determines it, and code belongs to that.
Whoever edits a loss gets a new training; whoever mends a comment or a docstring keeps the old one.

A module needs what it imports, at its top or inside a function. What is a choice (a loss, an
architecture, a data source) is imported by its name from a table, never by a statement: who names
a work's code names the chosen modules as well. A test holds the modules found here equal to those
that Python really loads.
"""

import ast
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pgpipe.errors import PgpipeError
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.git import git
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.project import project_root

PACKAGES = ("pgpipe", "stages")
NO_RESULT = {  # modules and packages that make no result, and what they do instead
    "pgpipe": "a version number",
    "pgpipe.commands.app": "passes options on",
    "pgpipe.config": "passes parameters on, and a result depends on their values",
    "pgpipe.errors": "messages and exit codes",
    "pgpipe.gan.losses.table": "names the losses, whose own modules make the result",
    "pgpipe.gan.systems": "names the networks, whose own modules make the result",
    "pgpipe.plumbing.fetch": "brings files of known hashes, makes none",
    "pgpipe.plumbing.filehashes": "recognises bytes, makes none",
    "pgpipe.plumbing.files": "moves bytes, makes none",
    "pgpipe.plumbing.git": "asks git",
    "pgpipe.plumbing.hashes": "recognises bytes, makes none",
    "pgpipe.plumbing.libraries": "waits for imports",
    "pgpipe.plumbing.processes.cores": "how many there are: a state records how many were used",
    "pgpipe.plumbing.processes.elastic": "starts what makes a result",
    "pgpipe.plumbing.processes.lastwords": "messages",
    "pgpipe.plumbing.processes.launch": "decides who starts it",
    "pgpipe.plumbing.processes.signals": "ends what makes a result",
    "pgpipe.plumbing.processes.variables": "passes numbers on",
    "pgpipe.plumbing.locks": "decide who works, not at what",
    "pgpipe.plumbing.project": "where it lies",
    "pgpipe.plumbing.provenance": "names results",
    "pgpipe.reporting.progress": "the terminal",
    "pgpipe.plumbing.sealed": "reads what was written, or nothing",
    "pgpipe.plumbing.terminal": "messages",
    "pgpipe.plumbing.timer": "decides when a state is saved, not what is in it",
    "pgpipe.tracking": "a mirror of results",
    "pgpipe.plumbing.unwritable": "messages",
    "stages": "a docstring",
    "stages.code": "names results",
    "stages.listeners": "the terminal and the tracker",
    "stages.paths": "a path that changes has to change in dvc.yaml, too",
    "stages.tracked": "the tracker",
}

STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)  # expressions hold none

Read = Callable[[str], str | None]  # the source text at a relative path, None where there is none


class Module(NamedTuple):
    """What a module means, as a hash, and the modules of ours that it loads."""

    meaning: str
    imports: list[str]


class Parsed(NamedTuple):
    """What a text means, as a hash, and what its import statements name: from where, what."""

    meaning: str
    statements: list[tuple[str | None, list[str]]]


class Memory:
    """What texts were parsed to, by their hashes, in a file: to parse all takes half a second."""

    MOST = 2000  # texts, the newest: a project's last revisions

    def __init__(self, file: Path | None) -> None:
        """Read the file, if there is one that is whole."""
        self.file, self.grew = file, False
        parser = Path(__file__).read_text(encoding="utf-8")
        self.by = sha256_json([parser, sys.version])  # another one may parse otherwise
        self.parsed: dict[str, Parsed] = {}
        if file is not None:
            with suppress(OSError, ValueError, TypeError):
                seal, content = json.loads(file.read_bytes())
                if seal == sha256_json(content):
                    self.parsed = {text: Parsed(*parsed) for text, parsed in content.items()}

    def of(self, text: str) -> Parsed:
        """Return what a text was parsed to, or parse it.

        Raises:
            SyntaxError: it is no Python.
        """
        key = sha256_json([text, self.by])
        if key not in self.parsed:
            tree = ast.parse(text)
            statements = list(imported(tree))
            meaning = sha256_json(canonical(without_docstrings(tree)))
            self.parsed[key], self.grew = Parsed(meaning, statements), True
        return self.parsed[key]

    def keep(self) -> None:
        """Write what was parsed anew; where nothing can be written, it is parsed again."""
        if self.file is None or not self.grew or not self.file.parent.is_dir():
            return
        content = dict(list(self.parsed.items())[-self.MOST :])
        with suppress(OSError, PgpipeError):
            write_bytes(self.file, json.dumps([sha256_json(content), content]).encode())
            self.grew = False


class Code:
    """The sources of our packages, in one place."""

    def __init__(self, read: Read, memory: Memory | None = None) -> None:
        self.read, self.memory = read, memory or Memory(None)
        self.known: dict[str, Module] = {}
        self.texts: dict[str, str | None] = {}

    def text(self, module: str) -> str | None:
        """Return the source of a module or package, None where there is none."""
        if module not in self.texts:
            path = module.replace(".", "/")
            text = self.read(f"{path}.py")
            self.texts[module] = self.read(f"{path}/__init__.py") if text is None else text
        return self.texts[module]

    def module(self, name: str) -> Module:
        """Return what is known of a module; one that is missing means nothing."""
        if name not in self.known:
            text = self.text(name) or ""
            try:
                parsed = self.memory.of(text)
            except SyntaxError:  # of another revision: it never ran
                return Module(text, [])
            self.known[name] = Module(parsed.meaning, list(self.ours(parsed)))
        return self.known[name]

    def ours(self, parsed: Parsed) -> Iterator[str]:
        """Yield the modules of ours that a text's import statements name."""
        for module, names in parsed.statements:
            inner = names if module is None else [f"{module}.{name}" for name in names]
            found = (
                module if module is not None and self.text(name) is None else name for name in inner
            )
            yield from (name for name in found if name.partition(".")[0] in PACKAGES)

    def modules(self, roots: Iterable[str], apart: Iterable[str] = ()) -> set[str]:
        """Return the roots and all modules of ours that they import, directly or not.

        Args:
            roots: names of modules, or `module:attribute`.
            apart: modules or packages that are not followed, in addition to `NO_RESULT`.
        """
        return self.reached(roots, NO_RESULT.keys() | set(apart))

    def reached(self, roots: Iterable[str], closed: Iterable[str] = ()) -> set[str]:
        """Return the roots and all that they import of ours, but for what is closed."""
        found, ends = set[str](), [root.partition(":")[0] for root in roots]
        while ends:
            name = ends.pop()
            if name not in found and not belongs(name, closed):
                found.add(name)
                ends += self.module(name).imports
        return found

    def archive(self, roots: Iterable[str]) -> bytes:
        """Return a zip of all that the roots need of ours to run, the same bytes each time."""
        names, buffer = self.reached(roots), io.BytesIO()
        for parts in [name.split(".") for name in names]:
            names |= {".".join(parts[:n]) for n in range(1, len(parts))}  # packages
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in sorted(names):
                stem = name.replace(".", "/")
                path = f"{stem}/__init__.py" if self.read(f"{stem}.py") is None else f"{stem}.py"
                text = self.text(name) or ""
                archive.writestr(zipfile.ZipInfo(path), text, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    def hash(self, roots: Iterable[str], apart: Iterable[str] = ()) -> str:
        """Return the hash of what all of these modules mean."""
        names = sorted(self.modules(roots, apart))
        self.memory.keep()
        return sha256_json([[name, self.module(name).meaning] for name in names])


def belongs(module: str, packages: Iterable[str]) -> bool:
    """Return whether a module is one of some, or lies in one of them, our two packages aside."""
    return any(
        module == package or (package not in PACKAGES and module.startswith(f"{package}."))
        for package in packages
    )


@cache
def running() -> Code:
    """Return the code that runs: the sources of our packages, wherever they are imported from."""
    ours = Path(__file__).parents[2]
    stages = find_spec("stages")
    theirs = Path(stages.origin).parents[1] if stages and stages.origin else ours

    def read(path: str) -> str | None:
        file = (theirs if path.startswith("stages/") else ours) / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return Code(read, memory())


@cache
def memory() -> Memory:
    """Return what this project's processes have parsed; none is kept outside a project."""
    folder = project_root() / ".pgpipe"
    return Memory(folder / "code.json" if folder.is_dir() else None)


def of_revision(revision: str) -> Code:
    """Return the code in a revision of git of the project in the current folder."""
    trees = [git("rev-parse", f"{revision}:./{name}") or b"" for name in PACKAGES]
    return of_trees(*(tree.decode().strip() for tree in trees))


@cache
def of_trees(*trees: str) -> Code:
    """Return the code in git's trees of our packages, read once: many revisions share them."""
    blobs: dict[str, str] = {}
    for package, tree in zip(PACKAGES, trees, strict=True):
        listed = git("ls-tree", "--full-tree", "-r", "-z", tree) or b""
        for entry in filter(None, listed.decode().split("\0")):
            kind, path = entry.split("\t", 1)
            if path.endswith(".py"):
                blobs[f"{package}/{path}"] = kind.split()[2]
    answer = git("cat-file", "--batch", sent="\n".join(blobs.values()).encode()) or b""
    texts = {}
    for path in blobs:  # `name type bytes` in a line, the bytes, and a line's end
        head, _, answer = answer.partition(b"\n")
        size = int(head.split()[2])
        texts[path], answer = answer[:size].decode(), answer[size + 1 :]
    return Code(texts.get, memory())


def imported(tree: ast.AST) -> Iterator[tuple[str | None, list[str]]]:
    """Yield what each import statement of a module names: from which module, if it says so."""
    for node in executed(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module or isinstance(node, ast.Import):
                yield module, [alias.name for alias in node.names]


def executed(node: ast.AST, also_typing: bool = False) -> Iterator[ast.AST]:
    """Yield all statements of a syntax tree, but those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, STATEMENTS) and (also_typing or not for_typing(child)):
            yield child
            yield from executed(child, also_typing)


def for_typing(node: ast.AST) -> bool:
    """Return whether a statement is one that only a type checker sees."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Remove all docstrings from a syntax tree, which holds no comments in any case."""
    for node in (tree, *executed(tree, also_typing=True)):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and (ast.get_docstring(node, clean=False) is not None):
            del node.body[0]
    return tree


def canonical(node: Any) -> Any:
    """Return a syntax tree as nested lists, without the empty fields in which Pythons differ."""
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields)
        kept = [[name, canonical(value)] for name, value in fields if value not in (None, [])]
        return [type(node).__name__, *kept]
    if isinstance(node, list):
        return [canonical(item) for item in node]
    return repr(node)
