"""gate: scores that are known beforehand, so that no broken metric scores anything unknown.

The output never varies, so that nothing downstream is rerun for it.
"""

from pgpipe import devices, rng
from pgpipe.config import Section
from pgpipe.data.multires import ImageStore
from pgpipe.errors import UsageError
from pgpipe.files import write_json
from pgpipe.metrics import known
from stages.paths import GATE, MULTIRES, images

RESOLUTION = 16  # of the reals: the gate takes seconds whatever is trained
MOST = 128  # reals, in two halves
LEAST = 4


class Params(Section):
    """It reads none: what is known of a metric is known for all parameters."""


def run() -> None:
    """Write data/gate.json: the names of the checks, all of them passed."""
    store = ImageStore(images(RESOLUTION))
    if len(store) < LEAST:
        raise UsageError(f"{MULTIRES}: {len(store)} images are not >= {LEAST}, two halves of two")
    order = rng.permutation(len(store), rng.key(known.SEED, "gate", 0)).numpy()
    passed = []
    for check in known.checks(store.take(order[:MOST]), devices.exact()):
        known.require(check)
        print(f"gate: {check}")  # noqa: T201
        passed.append(check.name)
    write_json(GATE, {"passed": passed})
