"""A tracking server whose answers never end."""

import time
from pathlib import Path
from typing import Any

import pytest
from faults.stub_server import serving

from pgpipe.tracking import answers
from pgpipe.tracking.store import require_store
from pgpipe.tracking.troubles import StoreAway


@pytest.mark.parametrize("mood", ["drips", "floods"])
def test_answer_without_end_is_left(
    project: Path, monkeypatch: pytest.MonkeyPatch, mood: Any
) -> None:
    monkeypatch.setattr(answers, "ANSWER_S", 1.0 if mood == "drips" else 100.0)
    with serving(project / "artifacts", mood) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        start = time.monotonic()
        with pytest.raises(StoreAway, match=r"an answer without end \((\d+) bytes") as told:
            require_store()
        assert time.monotonic() - start < 10
        size = int(str(told.value).partition("end (")[2].split()[0])
        assert size <= answers.ANSWER_BYTES + answers.PIECE_BYTES
        assert (size < 100) == (mood == "drips")
        server.mood = "well"
        require_store()
