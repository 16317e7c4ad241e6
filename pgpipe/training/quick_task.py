"""How a phase's snapshots are scored while it trains, and what names these scores.

Quick scores have a key of their own: an edited metric changes them and leaves the weights alone.
"""

from dataclasses import asdict, dataclass

from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.schedule import Phase
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.patches import SMALLEST
from pgpipe.plumbing.devices import choose
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.processes.cores import cores
from pgpipe.plumbing.provenance import running
from pgpipe.training import numerics

WORKER = "pgpipe.training.quick_worker"
FEATURES = "pgpipe.metrics.features"
BACKLOG = 8  # snapshots to be scored that training does not wait for
NOT_NAMED = ("data", "backlog")  # where the images of a task lie, and who waits for its scores
BY_INCEPTION = (FEATURES, "pgpipe.metrics.frechet", "pgpipe.metrics.inception")


@dataclass(frozen=True)
class Task:
    """What all snapshots of a phase are scored by."""

    data: str  # folder of the prepared images
    resolution: int
    images: int  # to draw, and as many reals: at most half of the data set
    mirror: bool  # half of the reals
    seed: int
    threads: int  # 0: as many as torch takes
    backlog: int  # snapshots that the training may leave behind before it waits for their scores
    inception: bool  # whether also by the Inception network
    inception_images: int = 0  # to draw for its score, in ten splits; 0: `images`, in one


def quick_task(phase: Phase, section: TrainSection, data: str) -> Task | None:
    """Return how the ticks of a phase are scored, by the images in the folder `data`, if at all.

    One thread scores beside a training that leaves it a core. A training that takes them all waits
    while as many threads score: each of its own would wait for the one that has to share its core.
    """
    if not section.quick_images or phase.res < SMALLEST:
        return None
    by_score = section.best_by == "inception_score"
    waits = numerics.takes_all_cores(section)
    beside = 1 if choose(section.device).type == "cpu" else section.threads
    return Task(
        data=data,
        resolution=phase.res,
        images=section.most_quick_images,
        mirror=section.mirror,
        seed=section.seed,
        threads=cores() if waits else beside,
        backlog=0 if waits else BACKLOG,
        inception=section.quick_inception,
        inception_images=section.quick_inception_images if by_score else 0,
    )


def scoring_code(spec: NetworkSpec, inception: bool) -> list[str]:
    """Return the modules that quick scores are made by."""
    return [WORKER, SYSTEMS[spec.name].sampled_network.where, *(BY_INCEPTION if inception else ())]


def scores_key(task: Task, spec: NetworkSpec) -> str:
    """Return the name of quick scores: the hash of the task and of the code that scores."""
    settings = {name: value for name, value in asdict(task).items() if name not in NOT_NAMED}
    return sha256_json([settings, running().hash(scoring_code(spec, task.inception))])[:16]
