"""A stage of a pipeline that takes no time, run as `python standin_stage.py pgpipe NAME`.

`train` counts until the file `enough` is in the main checkout's .pgpipe, and saves the number when
it has to end before, as training does with its states. Each of its lives leaves a line "from to".
A stage whose file `NAME.lost` is there removes that and leaves no output, which DVC calls an error.
"""

import json
import os
import sys
import time
from pathlib import Path

PAUSE = 0.02

PIPELINE = """\
stages:
  prepare:
    cmd: exec python standin_stage.py pgpipe prepare
    outs: [data/multires]
  init:
    cmd: exec python standin_stage.py pgpipe init
    outs: [models/init]
  train:
    foreach: [r16]
    do:
      cmd: exec python standin_stage.py pgpipe train
      params: [train]
      deps: [models/init, data/multires]
      outs: [models/r16]
  reference:
    cmd: exec python standin_stage.py pgpipe reference
    deps: [data/multires]
    outs: [reference]
  sample:
    cmd: exec python standin_stage.py pgpipe sample
    deps: [models/r16]
    outs: [samples]
  score:
    cmd: exec python standin_stage.py pgpipe score
    deps: [samples, reference]
    metrics: [{reports/metrics.json: {cache: false}}]
"""
OUTS = {
    "prepare": "data/multires",
    "init": "models/init",
    "train": "models/r16",
    "reference": "reference",
    "sample": "samples",
    "score": "reports/metrics.json",
}


def train() -> None:
    from pgpipe.plumbing.processes.signals import signal_at_parents_death, stop_request

    name = Path(os.environ["DVC_ROOT"], ".pgpipe", os.environ["DVC_EXP_NAME"])
    saved, lives = name.with_suffix(".saved"), name.with_suffix(".lives")
    first = step = int(saved.read_text()) if saved.exists() else 0
    with stop_request() as stop:
        signal_at_parents_death()
        name.with_suffix(".trains").touch()
        while not (enough := name.with_name("enough").exists()) and not stop():
            time.sleep(PAUSE)
            step += 1
    saved.write_text(str(step))
    with lives.open("a") as file:
        file.write(f"{first} {step}\n")
    if not enough:
        sys.exit("pgpipe: error: r16: interrupted, state saved")


def main(name: str) -> None:
    if name == "train":
        train()
    try:
        Path(os.environ["DVC_ROOT"], ".pgpipe", f"{name}.lost").unlink()
        return
    except FileNotFoundError:
        pass
    Path(OUTS[name]).parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"swd_avg": 12.5}) if name == "score" else name
    Path(OUTS[name]).write_text(content)


if __name__ == "__main__":
    main(sys.argv[2])
