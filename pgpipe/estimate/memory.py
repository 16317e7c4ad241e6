"""What a run holds in the memory of one process, stage by stage.

What follows from the networks' weights is exact. Feature maps are coarse: how often a loss holds
each of D's was measured on a CPU (PyTorch 2.13, one thread), where ten trainings of several sizes,
losses and precisions came within 15 % of the estimate. Images kept on the device come on top.
"""

from pgpipe.estimate.disk import FLOAT
from pgpipe.estimate.plan import Plan
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.schedule import Phase
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.widths import discriminator_maps, feature_maps, resolutions

PROCESS = 360_000_000  # bytes of the interpreter and the libraries after a first step
TRACKING = 130_000_000  # bytes of the tracker's libraries
SCORING = 280_000_000  # bytes of the interpreter and the libraries of the metrics
TEMPORARY = 4  # times D's weights: scaled ones, and those in the order that a processor likes
HELD = {"wgan-gp": 10.3, "r1": 9.0, "relativistic": 12.5}  # times D's maps: second derivatives
FIRST_ORDER = 5.0  # the same, of a loss without them
HELD_BY_G = 6.0  # times G's maps, which simultaneous updates hold beside D's
NORMALISED = 1.8  # times, where D normalises its maps
HALVED = 0.5  # times, in bfloat16


def training(plan: Plan, phase: Phase) -> int:
    """Bytes that a phase takes: weights, gradients, moments, feature maps, libraries."""
    networks = SYSTEMS[plan.model.name].networks.values()
    g, d = (sum(network.sizes(plan.spec, phase.res)) for network in networks)
    weights = FLOAT * (4 * (g + d) + g + TEMPORARY * d)  # value, gradient, moments; the average
    return PROCESS + TRACKING + weights + round(feature_map_bytes(plan, phase))


def feature_map_bytes(plan: Plan, phase: Phase) -> float:
    """Bytes of the feature maps that a step holds at once."""
    train, spec = plan.train, plan.spec
    held = HELD.get(train.loss, FIRST_ORDER) * numbers_of_d(spec, phase.res)
    held *= NORMALISED if spec.discriminator_norm != "none" else 1
    if train.updates == "simultaneous":
        held += HELD_BY_G * numbers_of_g(spec, phase.res)
    return held * FLOAT * plan.minibatch(phase) * (HALVED if train.precision == "bf16" else 1)


def numbers_of_d(spec: NetworkSpec, resolution: int) -> int:
    """Count the numbers in D's feature maps: each block's input and convolutions, per image."""
    total = 0
    for res in resolutions(resolution):
        here = discriminator_maps(spec, res) * res**2
        half = spec.fused_downsampling or spec.name == "dcgan"
        last = discriminator_maps(spec, res // 2) * (res // 2 if half else res) ** 2
        total += {"pggan": 2 * here + last, "dcgan": 2 * last, "weak": here}[spec.name]
    return total


def numbers_of_g(spec: NetworkSpec, resolution: int) -> int:
    """Count the numbers in G's feature maps, per image."""
    return sum(2 * feature_maps(spec, res) * res**2 for res in resolutions(resolution))


def scoring(plan: Plan) -> int:
    """Bytes that patches and their projections take, without the Inception network."""
    from pgpipe.metrics.bootstrap import EVERY
    from pgpipe.metrics.patches import PATCHES, SIZE, SMALLEST
    from pgpipe.metrics.pyramid import resolutions as levels
    from pgpipe.metrics.swd import DIRECTIONS, MEMORY, REPEATS

    count = plan.most_scored().swd_images * PATCHES
    patches = FLOAT * SIZE * count * len(list(levels(plan.resolution, SMALLEST)))
    kept = 2 * min(patches, MEMORY // 4)  # the others go to the disk
    column = 2 * FLOAT * count  # a direction's projections of both sets
    columns = max(1, (MEMORY - kept) // column // EVERY) * EVERY
    return SCORING + kept + column * min(columns, REPEATS * DIRECTIONS)
