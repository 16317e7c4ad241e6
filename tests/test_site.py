"""The site under docs/ builds strictly and needs no network; its pages are those of the code."""

import html
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from documented import reference
from documented.shown import FENCED
from tinyparams import ROOT

from pgpipe.data.sources.table import SOURCES
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.table import METRICS
from pgpipe.studies.table import STUDIES

DOCS = ROOT / "docs"
WORDS = 1200  # of README, outside of code
needs_mkdocs = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("mkdocs", "material", "mkdocstrings")),
    reason="mkdocs is not installed: the site is not built (make install brings it)",
)
LOADING = {  # what a browser loads by itself, by element
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
}  # fmt: skip
LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}


class Page(HTMLParser):
    """The links and names of a page, and what it makes a browser load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADING:
            self.loads.append(found.get(LOADING[tag], ""))
        if tag == "link" and LOADED_LINKS & set(found.get("rel", "").split()):
            self.loads.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("WARNING|ERROR", done.stderr), done.stderr
    return folder


@needs_mkdocs
@pytest.mark.slow
def test_it_is_built_strictly_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 30
    loads = {load for page in pages for load in Page(page.read_text()).loads}
    assert any(load.endswith(".css") for load in loads)
    assert not {load for load in loads if re.match(r"(https?:)?//", load)}
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text()), sheet


@needs_mkdocs
@pytest.mark.slow
def test_every_link_between_its_pages_leads_somewhere(site: Path) -> None:
    pages = {page: Page(page.read_text()) for page in site.rglob("*.html")}
    dead = [
        f"{page.relative_to(site)}: {link}"
        for page, content in pages.items()
        for link in content.links
        if page.name != "404.html" and not leads_somewhere(page, link, pages)
    ]
    assert not dead


def leads_somewhere(page: Path, link: str, pages: dict[Path, Page]) -> bool:
    """Whether a link's file is there, and the place in it; those to elsewhere are not tried."""
    if re.match(r"\w+:", link):
        return True
    path, name = urldefrag(unquote(link))
    target = (page.parent / path).resolve() if path else page
    if target.is_dir():
        target /= "index.html"
    return target.is_file() and (not name or target not in pages or name in pages[target].names)


@needs_mkdocs
@pytest.mark.slow
def test_api_pages_have_what_the_code_has(site: Path) -> None:
    names = Page((site / "reference/api-gan.html").read_text()).names
    assert {"pgpipe.gan.step.Step.update_discriminator", "pgpipe.gan.schedule.Phase"} <= names
    losses = Page((site / "reference/api-losses.html").read_text()).names
    assert {row.module for row in LOSSES.values()} <= losses


MEASURE = """
<body><script>
const pages = PAGES, wide = {};
let left = pages.length;
for (const page of pages) {
  const frame = document.createElement("iframe");
  frame.style = "width: 390px; height: 800px; border: 0";
  frame.onload = () => {
    wide[page] = frame.contentDocument.scrollingElement.scrollWidth;
    if (--left === 0) document.body.textContent = JSON.stringify(wide);
  };
  frame.src = page;
  document.body.append(frame);
}
</script></body>
"""  # how wide each page gets on a phone


@needs_mkdocs
@pytest.mark.full
def test_no_page_is_wider_than_a_phone(site: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium here: pages are not measured")
    pages = sorted(str(page.relative_to(site)) for page in site.rglob("*.html"))
    pages.remove("404.html")  # its links are those of a server's root
    (site / "measure.html").write_text(MEASURE.replace("PAGES", json.dumps(pages)))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += ["--virtual-time-budget=100000", "--dump-dom"]
    done = subprocess.run(
        [browser, *options, (site / "measure.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = re.search(r"<body>({.*})</body>", done.stdout)
    assert found, done.stdout[-2000:]
    wide = json.loads(html.unescape(found[1]))
    assert wide.keys() == set(pages)
    assert not {page: width for page, width in wide.items() if width > 390}


def test_pages_that_are_made_from_the_sources_are_of_these_sources() -> None:
    for name, page in reference.PAGES.items():
        text = (DOCS / f"reference/{name}.md").read_text()
        assert text == page(), "run: PYTHONPATH=tests python -m documented.reference"


def test_readme_is_a_door() -> None:
    text = FENCED.sub("", (ROOT / "README.md").read_text())
    assert len(text.split()) <= WORDS
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (ROOT / link).is_file(), link


@needs_mkdocs
@pytest.mark.slow
def test_lists_are_those_of_the_code(site: Path) -> None:
    """Made as the site is built, so that whoever adds a row edits no page."""
    rows: dict[str, Iterable[str]] = {
        "losses": LOSSES,
        "metrics": METRICS,
        "systems": SYSTEMS,
        "sources": SOURCES,
        "presets": [path.stem for path in (ROOT / "presets").glob("*.yaml")],
        "studies": [row for study in STUDIES.values() for row in study.rows],
    }
    for name, known in rows.items():
        text = (site / f"reference/{name}.html").read_text()
        assert not [row for row in known if f"<td><code>{row}</code></td>" not in text], name


EXAMPLES = ("NAME", "brightness", "wasserstein")  # files that a page says how to write
PLACES = re.compile(r"(?<![./\w])(?:pgpipe|stages|tests|presets|docs|benchmarks|locks)/[\w./-]*\w")


def test_the_files_that_pages_name_are_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    named = {(page.name, place) for page in pages for place in PLACES.findall(page.read_text())}
    assert len(named) > 80
    gone = {(page, place) for page, place in named if not (ROOT / place).exists()}
    assert not {(page, p) for page, p in gone if not any(word in p for word in EXAMPLES)}


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a language on a page, without indentation of the whole."""
    text = (DOCS / page).read_text()
    return [block for name, block in FENCED.findall(text) if name == language]


def test_the_source_and_the_preset_that_pages_show_are_those_of_the_code() -> None:
    assert (ROOT / "pgpipe/data/sources/afhq.py").read_text() in blocks(
        "extend/source.md", "python"
    )
    assert (ROOT / "pgpipe/studies/modes.py").read_text() in blocks("extend/study.md", "python")
    catalogue = (ROOT / "pgpipe/data/sources/catalogue.yaml").read_text()
    assert all(entry in catalogue for entry in blocks("extend/source.md", "yaml"))
    assert (ROOT / "presets/photos-64.yaml").read_text() in blocks("extend/preset.md", "yaml")


def of(source: str) -> dict[str, Any]:
    """The names that a module's text defines."""
    found: dict[str, Any] = {}
    exec(compile(source, "shown", "exec"), found)  # noqa: S102 - of this repository
    return found


def test_the_loss_that_a_page_shows_is_one() -> None:
    import torch

    loss = of(blocks("extend/loss.md", "python")[0])["LOSS"]
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 0.0])
    assert (loss.discriminator(real, fake), loss.generator(real, fake)) == (-1.5, -0.5)


def test_the_metric_that_a_page_shows_is_one() -> None:
    import numpy as np
    from tinyparams import score_numbers

    module, row = blocks("extend/metric.md", "python")
    images = np.full((8, 4, 4, 3), 7, np.uint8)
    protocol = score_numbers(swd_images=8)
    assert of(module)["scores"](images, None, protocol, None, None) == {"brightness": 7.0}
    table = "from pgpipe.metrics.table import Metric\nROWS = {\n"
    rows = of(f"{table}{row}}}")["ROWS"]
    assert rows["brightness"].own == "real"


def of_nav(entries: Any) -> Iterator[str]:
    """The pages of mkdocs.yml's tree."""
    if isinstance(entries, str):
        yield entries
    else:
        for entry in entries:
            yield from of_nav(entry.values() if isinstance(entry, dict) else entry)


def test_every_page_is_in_the_tree_of_pages() -> None:
    from pgpipe.config import load_yaml

    listed = [*of_nav(load_yaml(ROOT / "mkdocs.yml")["nav"])]
    assert sorted(listed) == sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md"))
