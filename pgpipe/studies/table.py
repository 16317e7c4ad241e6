"""The studies, and the experiments that they consist of.

A seed of a row differs in `train.seed` alone, so that data, samples' latents and scoring stay the
same. To add a study, write a file with a `STUDY` (see `study`), presets for its rows, and name it
in `STUDIES`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pgpipe.config import Document, nearest
from pgpipe.errors import UsageError
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.presets import files as presets
from pgpipe.studies import (
    cifar10,
    conditions,
    default,
    fades,
    fashion,
    finetune,
    growth,
    modes,
    precision,
    relatives,
    stack,
    table1,
)
from pgpipe.studies.study import Study

STUDIES = {
    study.name: study
    for study in (
        *(table1.STUDY, modes.STUDY, finetune.STUDY, conditions.STUDY, relatives.STUDY),
        *(growth.STUDY, cifar10.STUDY, fades.STUDY, stack.STUDY, fashion.STUDY, default.STUDY),
        precision.STUDY,
    )
}


@dataclass(frozen=True)
class Experiment:
    """One seed of one row on one data set."""

    study: str
    data: str
    row: str
    seed: int
    document: Document

    @property
    def name(self) -> str:
        """What it is called in DVC."""
        return f"{self.study}-{self.data}-{self.row}-s{self.seed}"


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in STUDIES:
        raise UsageError(f"study {name!r} is unknown{nearest(name, list(STUDIES))}")
    return STUDIES[name]


def choose(option: str, text: str | None, known: list[str]) -> list[str]:
    """The names in a comma-separated option, in the order of `known`; all where it is not given.

    Raises:
        UsageError: a name is not among `known`.
    """
    wanted = known if text is None else [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in known:
            raise UsageError(f"{option}: {name!r} is unknown{nearest(name, known)}")
    return [name for name in known if name in wanted]


def selection(name: str, rows: str | None, data: str | None) -> tuple[Study, list[str], list[str]]:
    """The study of a name; its data sets and rows that the options --data and --rows name."""
    study = find_study(name)
    known = list(study.data_sets)
    data_sets = choose("--data", data or known[0], known)
    return study, data_sets, choose("--rows", rows, list(study.rows))


def row_document(study: Study, row: str, data: str) -> Document:
    """The params.yaml of a row on a data set, with whatever seed params.yaml has now."""
    names = [study.row_preset.format(row=row), study.data_preset.format(data=data)]
    document: Document = presets.merged(names)
    return document


def experiments(
    study: Study, data_sets: list[str], rows: list[str], seeds: Iterable[int]
) -> Iterator[Experiment]:
    """The experiments of the rows on the data sets, with each of the seeds."""
    for data in data_sets:
        for row in rows:
            document = row_document(study, row, data)
            for seed in seeds:
                yield Experiment(study.name, data, row, seed, with_seed(document, seed))


def with_seed(document: Document, seed: int) -> Document:
    """A copy of `document` that trains with another seed."""
    return {**document, "train": {**document["train"], "seed": seed}}


def identity(document: Document) -> str:
    """What two documents share that describe the same experiment: all but where it is tracked."""
    return sha256_json({name: value for name, value in document.items() if name != "tracking"})
