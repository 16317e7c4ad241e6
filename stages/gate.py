"""gate: before anything is scored, what the data allow, and scores that are known beforehand.

The output never varies, so that nothing downstream is rerun for it.
"""

from pgpipe import rng
from pgpipe.config import read_params
from pgpipe.data.feeding.multires import ImageStore, read_manifest
from pgpipe.estimate import allowed
from pgpipe.metrics import known
from pgpipe.plumbing import devices, sealed
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.terminal import say
from stages.paths import GATE, MULTIRES, SOURCES, images

RESOLUTION = 16  # of the reals: the gate takes seconds whatever is trained
MOST = 128  # reals, in two halves


class Params(allowed.Asked):
    """What it reads: what is asked of the data. What is known of a metric is so for all of them."""


def run() -> None:
    """Write data/gate.json: the names of the checks, all of them passed."""
    params, manifest = read_params(Params), read_manifest(MULTIRES)
    labels, captions = len(manifest["labels"]), manifest.get("captions", 0)
    data = allowed.Data(manifest["count"], labels, sealed.has(SOURCES), captions)
    allowed.require(params, data)
    store = ImageStore(images(RESOLUTION))
    order = rng.permutation(len(store), rng.key(known.SEED, "gate", 0)).numpy()
    passed = []
    for check in known.checks(store.take(order[:MOST]), devices.exact()):
        known.require(check)
        say(f"gate: {check}")
        passed.append(check.name)
    write_json(GATE, {"passed": passed})
