"""What a run holds in the memory of one process, stage by stage.

What follows from the networks' weights is exact. Feature maps are coarse: how often a loss holds
each of D's was measured on a CPU (PyTorch 2.13, one thread), where ten trainings of several sizes,
losses and precisions came within 15 % of the estimate. Images kept on the device come on top.
"""

from pgpipe.estimate.disk import FLOAT
from pgpipe.estimate.plan import Plan
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.schedule import Phase
from pgpipe.gan.systems import SYSTEMS

PROCESS = 290_000_000  # bytes of the interpreter and the libraries after a first step
TRACKING = 130_000_000  # bytes of the tracker's libraries
SCORING = 280_000_000  # bytes of the interpreter and the libraries of the metrics
TEMPORARY = 4  # times D's weights: scaled ones, and those in the order that a processor likes
HELD_BY_G = 6.0  # times G's maps, which simultaneous updates hold beside D's
HELD_BY_MISMATCHED = 1.5  # times D's maps, of a joint score's third pairs
SECOND_KIND = 2.8  # times D's maps, which a second kind of fakes adds (VAE-GAN)
HELD_BY_CODERS = 3.2  # times an encoder's and its decoder's maps, in their own update ...
HELD_BY_JUDGES = 4.0  # ... and times D's
NORMALISED = 1.8  # times, where D normalises its maps
HALVED = 0.5  # times, in bfloat16


def training(plan: Plan, phase: Phase) -> int:
    """Bytes that a phase takes: weights, gradients, moments, feature maps, libraries."""
    system = SYSTEMS[plan.model.name]
    sizes = {name: sum(n.sizes(plan.spec, phase.res)) for name, n in system.networks.items()}
    averaged = sum(sizes[of] for of in system.averages.values())
    every, g = sum(sizes.values()), sizes[system.averages[system.sampled]]
    each = 4 if plan.train.optimiser == "adam" else 2  # value, gradient, and Adam's two moments
    weights = FLOAT * (each * every + averaged + TEMPORARY * (every - g))
    return PROCESS + TRACKING + weights + round(feature_map_bytes(plan, phase))


def feature_map_bytes(plan: Plan, phase: Phase) -> float:
    """Bytes of the feature maps that a step holds at once."""
    train, spec, system = plan.train, plan.spec, SYSTEMS[plan.model.name]
    numbers = {name: n.activations(spec, phase.res) for name, n in system.networks.items()}
    of_g, of_e = numbers.pop(system.averages[system.sampled]), numbers.pop("encoder", 0)
    of_d, more = sum(numbers.values()), SECOND_KIND if system.encoder else 0.0
    more += HELD_BY_MISMATCHED if train.label_conditioning == "joint" else 0
    held = (LOSSES[train.loss].held + more) * of_d
    if system.encoder:  # its own update, in which D sees both kinds of fakes, if there is one
        fakes = 2 if of_d else 1
        held = max(held, HELD_BY_CODERS * (of_e + fakes * of_g) + HELD_BY_JUDGES * of_d)
    held *= NORMALISED if spec.discriminator_norm != "none" else 1
    if train.updates == "simultaneous":
        held += HELD_BY_G * of_g
    return held * FLOAT * plan.minibatch(phase) * (HALVED if train.precision == "bf16" else 1)


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
