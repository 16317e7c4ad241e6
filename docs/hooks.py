"""What MkDocs does beside its own: a notebook becomes a page, with its outputs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTEBOOKS = {"tutorials/quick.md": "tutorials/quick.ipynb"}  # page -> notebook


def on_page_read_source(page: Any, config: Any) -> str | None:
    """Return the Markdown of a notebook's page: its own text and the notebook's cells."""
    path = page.file.src_uri
    if path not in NOTEBOOKS:
        return None
    docs = Path(config["docs_dir"])
    cells = json.loads((docs / NOTEBOOKS[path]).read_text())["cells"]
    return "\n".join([(docs / path).read_text(), *(part for cell in cells for part in parts(cell))])


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
