"""The table of an ablation in words: Markdown and LaTeX for people, CSV with every number."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgpipe.reporting.ablation_table import Layout, Runs
from pgpipe.reporting.curves import column as column_of
from pgpipe.reporting.curves import higher_is_better

RULE = (
    "Scores: mean over seeds, ± standard deviation. Step: difference from the row above that this "
    "one builds on, with its 95 % interval (Welch) where both rows have two seeds or more, else "
    "with the noise of one score (SWD: the floor; MS-SSIM: the choice of pairs; others: "
    "evaluations, splits or ticks). A step within it is *not resolved*; with one seed, one beyond "
    "it may still be the seed's. Floor: reals against other reals."
)
PAPERS = {
    "paper": "paper",
    "paper_celeba": "paper, CelebA",
    "paper_lsun-bedroom": "paper, LSUN",
    "paper_cifar10": "paper, CIFAR-10",
}


def title(score: str) -> str:
    """A score as a column's heading."""
    return column_of(score).short


def in_words(table: pd.DataFrame, shown: Layout) -> pd.DataFrame:
    """The numbers of `ablation_table.summary` as people read them, a column a statement."""
    words = pd.DataFrame({"": table["name"], "seeds": table.seeds, "images": table.images})
    if "above" in table:
        words["step from"] = table.above.fillna("")
    for score in shown.scores:
        words[title(score)] = column(table, spread(score))
        if score in shown.headlines:
            words = words.assign(**dict(beside(table, score)))
    return words


def beside(table: pd.DataFrame, score: str) -> Iterator[tuple[str, pd.Series]]:
    """What stands beside a headline's scores, as far as there is any: heading and column."""
    for own, heading in {"floor": "floor", "real": f"reals' {title(score)}"}.items():
        if f"{score}_{own}" in table:
            yield heading, table[f"{score}_{own}"].map(number(score))
    if f"{score}_step" in table:
        yield f"{title(score)}: step", column(table, stepped(score))
    for suffix, paper in PAPERS.items():
        if f"{score}_{suffix}" in table:
            yield f"{title(score)}: {paper}", table[f"{score}_{suffix}"].map(number(score))
    if f"{score}_difference" in table:
        signed = number(score, sign="+")
        yield f"{title(score)}: ours - paper", table[f"{score}_difference"].map(signed)


def column(table: pd.DataFrame, say: Callable[[pd.Series], str]) -> pd.Series:
    """A statement about each row."""
    return pd.Series({row: say(line) for row, line in table.iterrows()}, dtype=object)


def number(score: str, sign: str = "") -> Callable[[float], str]:
    """How a value of a score is written; nothing for what is missing."""
    digits = column_of(score).digits
    return lambda value: "" if pd.isna(value) else f"{value:{sign}.{digits}f}"


def spread(score: str) -> Callable[[pd.Series], str]:
    """Mean, and the standard deviation where there are several seeds."""
    write = number(score)

    def say(line: pd.Series) -> str:
        deviation = write(line[f"{score}_sd"])
        return write(line[score]) + (f" ± {deviation}" if deviation else "")

    return say


def stepped(score: str) -> Callable[[pd.Series], str]:
    """A step, its interval, and whether it is more than that."""

    def say(line: pd.Series) -> str:
        if pd.isna(line[f"{score}_step"]):
            return ""
        value = number(score, sign="+")(line[f"{score}_step"])
        interval = number(score)(line[f"{score}_step_interval"])
        verdict = "" if line[f"{score}_resolved"] else ", not resolved"
        return f"{value} ± {interval}{verdict}"

    return say


class Short(NamedTuple):
    """The columns of one score that a terminal has room for."""

    headings: list[str]
    rows: list[list[str]]


def short(words: pd.DataFrame, shown: Layout) -> list[Short]:
    """Of each headline what each row scores, its step, and what the paper says."""
    found = []
    for score in shown.headlines:
        own = [title(score), f"{title(score)}: step"]
        own += [f"{title(score)}: {paper}" for paper in PAPERS.values()]
        columns = ["", *(name for name in own if name in words)]
        headings = ["row", *(name.removeprefix(f"{title(score)}: ") for name in columns)]
        rows = [[str(row), *map(str, line[columns])] for row, line in words.iterrows()]
        found.append(Short(headings, rows))
    return found


def markdown(words: pd.DataFrame, heading: str) -> str:
    """The table with its rule, as a section of Markdown."""
    return f"# {heading}\n\n{words.to_markdown(disable_numparse=True)}\n\n{RULE}\n"


def per_seed(runs: Runs, shown: Layout) -> str:
    """Each run's headlines, and the best of each, as a section of Markdown."""
    words: dict[str, dict[str, str]] = {title(score): {} for score in shown.headlines}
    for row, own in runs.sort_values("seed").groupby("row"):
        for score in shown.headlines:
            write, values, column = number(score), own[score], words[title(score)]
            for seed, value in zip(own.seed, values, strict=True):
                column[f"{row}, seed {seed}"] = write(value)
            best = values.max() if higher_is_better(score) else values.min()
            column[f"{row}, best"] = write(best)
    table = pd.DataFrame(words)
    return f"\n## Per seed\n\n{table.to_markdown(disable_numparse=True)}\n"


def claims(verdicts: Sequence[tuple[str, str]]) -> str:
    """The verdicts on a study's claims, as a section of Markdown."""
    table = pd.DataFrame(verdicts, columns=["verdict", "claim"])
    return f"\n## Claims\n\n{table.to_markdown(index=False, disable_numparse=True)}\n"


def write(table: pd.DataFrame, shown: Layout, heading: str, stem: Path) -> list[Path]:
    """Write STEM.md, .csv and .tex; their paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    words = in_words(table, shown)
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("md", "csv", "tex")]
    files[0].write_text(markdown(words, heading), encoding="utf-8")
    table.to_csv(files[1])
    latex = words.style.format(escape="latex").to_latex(hrules=True, caption=heading)
    files[2].write_text(latex.replace("±", r"$\pm$"), encoding="utf-8")
    return files
