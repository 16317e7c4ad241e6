"""What a trainer logs, without the training: points at a steady pace, in a process of its own.

    python logging_trainer.py FIRST LAST PAUSE

Logs the steps from FIRST to before LAST, and says in JSON how long the calls and the end took.
"""

import json
import sys
import time

from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.tracker import open_run

NAMES = ("loss_d", "loss_g", "score_real", "score_fake")


def values(step: int) -> dict[str, float]:
    """The metrics of a step, other ones at each step."""
    return {f"train/{name}": step + place / 8 for place, name in enumerate(NAMES)}


def main() -> None:
    """Log, and print what it cost."""
    first, last, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    calls = []
    section = TrackingSection(enabled=True, experiment="e")
    with open_run("train@r4", section, "made of", final=True) as tracker:
        for step in range(first, last):
            start = time.perf_counter()
            tracker.log_metrics(step, values(step))
            calls.append(time.perf_counter() - start)
            time.sleep(pause)
        ending = time.time()
    sys.stdout.write(json.dumps({"calls": sorted(calls), "ending": ending}))


if __name__ == "__main__":
    main()
