"""What a run has logged, fetched by its address: `runs:/RUN_ID`, or `runs:/RUN_ID/PATH`."""

from pathlib import Path

from pgpipe.errors import UsageError
from pgpipe.plumbing.layout import GENERATOR
from pgpipe.plumbing.startfile import require_address
from pgpipe.tracking.address import VARIABLE, shown_store, sqlite_file, store_uri
from pgpipe.tracking.model import FOLDER
from pgpipe.tracking.store import open_store
from pgpipe.tracking.troubles import StoreTrouble, store_errors

NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"  # MLflow's code of a run that is not there


def fetch(address: str, folder: Path) -> Path:
    """Fetch the generator, or what else an address names, into a folder; return where it lies.

    Raises:
        UsageError: it is no such address, or the store has no such run or file.
        NetworkError: the store does not answer.
    """
    found = require_address(address)
    if (file := sqlite_file()) is not None and not file.exists():
        raise UsageError(f"{address}: there is no store {file}; set {VARIABLE}, or run this there")
    path = found["path"] or f"{FOLDER}/{GENERATOR}"
    try:
        with store_errors():
            return download(address, found["run"], path, folder)
    except StoreTrouble as trouble:
        raise trouble.kind(f"{address}: {trouble}") from None


def download(address: str, run: str, path: str, folder: Path) -> Path:
    """Download what a run has logged under a path."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client = open_store()
    try:
        client.get_run(run)
    except MlflowException as error:
        if error.error_code == NOT_FOUND:
            raise UsageError(f"{address}: no such run in {shown_store()}") from None
        raise
    logged = client.list_artifacts(run, path.rpartition("/")[0] or None)
    if path not in {file.path for file in logged}:
        raise UsageError(f"{address}: no {path} among what the run logged in {shown_store()}")
    return Path(
        download_artifacts(
            run_id=run, artifact_path=path, dst_path=str(folder), tracking_uri=store_uri()
        )
    )
