"""How MLflow's page shows an experiment's runs: which columns, and the pictures before the curves.

MLflow keeps a layout ("shared view") as JSON in a tag of the experiment, and opens it by the tag's
key in the address.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pgpipe.metrics.table import METRICS, name_of
from pgpipe.tracking import pictures

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY = "pgpipe"
TAG = f"mlflow.sharedViewState.{KEY}"
ADDRESS = f"workflowType=machine_learning&viewStateShareKey={KEY}"
LATEST, COMPARED = 200, 10  # runs that are looked at; those that charts show at first
MOST_PARAMS = 12  # columns
TALL = 480  # pixels of the card with pictures
SHOWN = {"display": True, "deleted": False, "isGenerated": True, "isReordered": False}


def put(client: "MlflowClient", experiment: str) -> None:
    """Write the layout that the experiment's runs ask for."""
    runs = client.search_runs([experiment], max_results=LATEST)
    layout = {"selectedColumns": list(columns(runs)), **charts(client, runs[:COMPARED])}
    client.set_experiment_tag(experiment, TAG, json.dumps(layout))


def columns(runs: "Sequence[Run]") -> Iterator[str]:
    """Yield the columns of the table: scores, and the parameters that are not the same in all."""
    found = {name for run in runs for name in run.data.metrics if name.startswith("score/")}
    yield from (f"metrics.`{name}`" for name in sorted(found, key=place))
    values: dict[str, set[str | None]] = {}
    trained = [run.data.params for run in runs if run.data.params]
    for name in sorted({name for params in trained for name in params}):
        values[name] = {params.get(name) for params in trained}
    changed = [name for name, each in values.items() if len(each) > 1]
    yield from (f"params.`{name}`" for name in changed[:MOST_PARAMS])


def place(metric: str) -> int:
    """Return where a score stands among others."""
    return [*METRICS, ""].index(name_of(metric.removeprefix("score/")))


def charts(client: "MlflowClient", runs: "Sequence[Run]") -> dict[str, Any]:
    """Return the cards of pictures, which MLflow fills up with its own cards of curves.

    Its own card of pictures begins at step 0, where there are none, and writes all parameters above
    each. This one begins at the last step that the most runs have.
    """
    steps: dict[str, list[int]] = {}
    for run in runs:
        if pictures.TAG.items() <= run.data.tags.items():
            for file in client.list_artifacts(run.info.run_id, pictures.FOLDER):
                if named := pictures.NAME.fullmatch(file.path):
                    steps.setdefault(named["key"].replace("~", "/"), []).append(int(named["step"]))
    cards = [card(key, found) for key, found in sorted(steps.items())]
    sections = dict.fromkeys(card["metricSectionId"] for card in cards)
    return {
        "compareRunCharts": cards,
        "compareRunSections": [
            {"uuid": name, "name": name, "columns": 1, "cardHeight": TALL, **SHOWN}
            for name in sections
        ],
    }


def card(key: str, steps: list[int]) -> dict[str, Any]:
    """Return the card of a series of pictures, of which runs have these steps."""
    most = max(map(steps.count, steps))
    return {
        "type": "IMAGE",
        "uuid": key,
        "metricSectionId": key.rpartition("/")[0],
        "imageKeys": [key],
        "step": max(step for step in steps if steps.count(step) == most),
        "showRunParams": False,
        "runsCountToCompare": COMPARED,
        **SHOWN,
    }
