"""The tables of docs/results.md, from the results files that `pgpipe study table` has written.

`PYTHONPATH=tests:. python -m documented.results` writes them anew. A block of the page begins with
`<!-- results: NAME -->`, for docs/results/NAME.json, or with `<!-- classes: NAME -->`, for the
report's table of classes in docs/results/NAME.csv, and ends with `<!-- end -->`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from tinyparams import ROOT

from pgpipe.reporting.ablation_table import frame, means
from pgpipe.reporting.ablation_text import number, spread, title
from pgpipe.studies.results import layout_of
from pgpipe.studies.table import STUDIES

PAGE, FOLDER = ROOT / "docs/results.md", ROOT / "docs/results"
BLOCK = re.compile(r"(<!-- (results|classes): (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
OWN = ("floor", "real")  # suffixes of what the reals score


def renewed(page: str) -> str:
    """Return the page with the blocks that its results files give."""
    makers = {"results": block, "classes": classes}
    return BLOCK.sub(lambda found: found[1] + makers[found[2]](found[3]) + found[4], page)


def classes(name: str) -> str:
    """Return the table of classes of one run, as Markdown."""
    heads = ["class", "images", "found", "else taken for", "alike", "reals found", "reals alike"]
    rows = pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False).set_axis(heads, axis=1)
    return f"\n{rows.to_markdown(index=False, floatfmt='.3f')}\n\n"


def block(name: str) -> str:
    """Return table, verdicts and origin of a results file, as Markdown."""
    found = json.loads((FOLDER / f"{name}.json").read_text())
    verdicts = [f"- *{claim['verdict']}*: {claim['claim']}\n" for claim in found["claims"]]
    return "\n".join([f"\n{table(found)}", "".join(verdicts), f"{origin(found, name)}\n"])


def table(found: Mapping[str, Any]) -> str:
    """Return each row's scores, their mean and deviation over seeds, above the reals'."""
    study = STUDIES[found["study"]]
    runs = frame([run["scores"] | {k: run[k] for k in ("row", "seed")} for run in found["runs"]])
    scores = layout_of(study, runs).scores
    rows = [row for row in study.rows if row in set(runs.row)]
    of_rows = {row: pd.Series(means(runs[runs.row == row], scores)) for row in rows}
    lines = [
        [
            f"`{row}`: {study.rows[row]}",
            str((runs.row == row).sum()),
            *(spread(s)(line) for s in scores),
        ]
        for row, line in of_rows.items()
    ]
    reals = pd.concat(of_rows, axis=1).T
    lines.append(["reals", "", *(of_reals(reals, score) for score in scores)])
    heads = ["row", "seeds", *map(title, scores)]
    return pd.DataFrame(lines, columns=heads).to_markdown(index=False, disable_numparse=True) + "\n"


def of_reals(table: pd.DataFrame, score: str) -> str:
    """Return what the reals score, where that is known."""
    known = [f"{score}_{own}" for own in OWN if f"{score}_{own}" in table]
    return number(score)(table[known[0]].astype(float).mean()) if known else ""


def origin(found: Mapping[str, Any], name: str) -> str:
    """Return where the results come from: commits, machines and versions, and the file."""
    commits = sorted({run["commit"][:7] for run in found["runs"]})
    machines = sorted({in_words(run["machine"]) for run in found["runs"]})
    return f"{'; '.join(machines)}; commit {', '.join(commits)}; [all numbers](results/{name}.json)"


def in_words(machine: Mapping[str, str]) -> str:
    """Return a machine and its versions as people write them."""
    versions = [f"{n} {machine[f'version.{n}']}" for n in ("torch", "python")]
    return ", ".join(
        [machine.get("processor", ""), machine["device"], machine["precision"], *versions]
    ).lstrip(", ")


def main() -> None:
    """Write the page."""
    PAGE.write_text(renewed(PAGE.read_text()))


if __name__ == "__main__":
    main()
