"""What MkDocs does beside its own: a notebook becomes a page, and tables of the code become lists.

The lists are made as the site is built, so that whoever adds a loss, a metric, a source, a system,
a preset or a study edits no page.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pgpipe.config import load_yaml
from pgpipe.data.sources.catalogue import entries
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.table import METRICS
from pgpipe.presets import files as presets
from pgpipe.studies.table import STUDIES

NOTEBOOKS = {"tutorials/quick.md": "tutorials/quick.ipynb"}  # page -> notebook
GROUPS = {
    "General": ("quick", "photos-64", "paper-128", "default"),
    "Table 1 of the paper": ("table1-",),
    "CIFAR-10": ("cifar10",),
    "CelebA-HQ": ("celeba-hq",),
    "LSUN": ("lsun",),
    "Discrete-mode test": ("mnist-1k", "digits-1k"),
    "How D judges labels": ("conditions-",),
    "Relatives": ("relatives-",),
    "Stacked or grown": ("stack-",),
    "Others": ("",),
}  # of presets, by how their names begin

Row = Iterable[object]


def on_page_read_source(page: Any, config: Any) -> str | None:
    """Return the Markdown of a page that is longer than its file; None of any other."""
    path = page.file.src_uri
    text = (Path(config["docs_dir"]) / path).read_text()
    if path in NOTEBOOKS:
        notebook = Path(config["docs_dir"]) / NOTEBOOKS[path]
        cells = json.loads(notebook.read_text())["cells"]
        return "\n".join([text, *(part for cell in cells for part in parts(cell))])
    return f"{text}\n{LISTS[path]()}" if path in LISTS else None


def parts(cell: dict[str, Any]) -> Iterator[str]:
    """Yield the Markdown of a cell, and that of its outputs."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield f"{source}\n"
        return
    yield f"```python\n{source}\n```\n"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            yield f"![Output](data:image/png;base64,{''.join(data['image/png']).strip()})\n"
        elif text := "".join(output.get("text", data.get("text/plain", []))).strip():
            yield f"```text\n{text}\n```\n"


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    lines = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    head = [str(cell) for cell in heads]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *lines)) + "\n"


def first_line(module: str) -> str:
    """Return the first paragraph of a module's docstring, without importing it."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


def losses() -> str:
    """List the losses by the names that `train.loss` may have."""
    rows = [(f"`{name}`", first_line(row.module)) for name, row in LOSSES.items()]
    return table(("`train.loss`", "what it is"), rows)


def metrics() -> str:
    """List the metrics with all that their rows say."""
    rows = []
    for name, metric in METRICS.items():
        meaning = re.sub(r"\{(\w+)\}", r"`\1`", metric.meaning)
        numbers = ", ".join(f"`score.{number}`" for number in metric.numbers)
        quick = f"`{metric.quick}`" if metric.quick else ""
        own = f"`_{metric.own}`"
        rows.append((f"`{name}`", metric.title, meaning, own, numbers, quick, metric.version))
    heads = ("score", "title", "meaning", "reals' value", "decided by", "quick score", "version")
    return table(heads, rows)


def systems() -> str:
    """List the systems with their networks."""
    rows = []
    for name, system in SYSTEMS.items():
        modules = dict.fromkeys(n.where.partition(":")[0] for n in system.networks.values())
        grows = f"from {system.smallest}x{system.smallest}" if system.growth_factors else "no"
        about = "<br>".join(first_line(module) for module in modules)
        rows.append((f"`{name}`", about, grows, f"{system.final or system.largest} pixels"))
    return table(("`model.name`", "networks", "grows", "to"), rows)


def sources() -> str:
    """List the data sets as the catalogue knows them."""
    rows = (
        (f"`{name}`", entry.title, entry.licence, entry.by_hand or "nothing")
        for name, entry in entries().items()
    )
    return table(("`dataset.name`", "data set", "licence", "what you put at `dataset.path`"), rows)


def list_of_presets() -> str:
    """List the presets with their titles, in groups."""
    left, found = presets.titles(), []
    for group, starts in GROUPS.items():
        names = [name for name in left if name.startswith(starts)]
        rows = [(f"`{name}`", title(name, left.pop(name))) for name in names]
        found.append(f"## {group}\n\n{table(('preset', 'what it is'), rows)}")
    return "\n".join(found)


def title(name: str, text: str) -> str:
    """Return a preset's title, and which one it continues."""
    base = load_yaml(Path(f"presets/{name}.yaml")).get("base")
    return f"{text} Continues `{base}`." if base else text


def studies() -> str:
    """List the studies with their rows and claims."""
    found = []
    for study in STUDIES.values():
        rows = [
            (f"`{row}`", text, f"`{study.row_preset.format(row=row)}`")
            for row, text in study.rows.items()
        ]
        claims = "".join(f"- {claim.text}\n" for claim in study.claims)
        claims = claims and f"Claims:\n\n{claims}"
        found.append(
            f"## {study.title}\n\n`{study.name}`, on "
            f"{', '.join(f'`{data}`' for data in study.data_sets)}.\n\n"
            f"{table(('row', 'what it adds', 'preset'), rows)}\n{claims}"
        )
    return "\n".join(found)


LISTS: dict[str, Callable[[], str]] = {
    "reference/losses.md": losses,
    "reference/metrics.md": metrics,
    "reference/systems.md": systems,
    "reference/sources.md": sources,
    "reference/presets.md": list_of_presets,
    "reference/studies.md": studies,
}
