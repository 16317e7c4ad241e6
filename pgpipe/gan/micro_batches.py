"""Micro-batches: how a minibatch is divided among processes, and into what a process does at once.

A micro-batch is made of whole groups of minibatch stddev, so that every group has the images that
it has in the undivided minibatch; a loss is the mean over the micro-batches. Sample i is in group
i mod (N / size).
"""

from pgpipe.gan.config import Architecture, TrainSection


def group_size(model: Architecture, section: TrainSection, minibatch: int) -> int:
    """Images that a network sees together."""
    norms = model.generator_norm, model.discriminator_norm
    if section.minibatch_stddev is True or model.minibatch_discrimination or "batch" in norms:
        return minibatch
    return min(section.minibatch_stddev or 1, minibatch)


def count(model: Architecture, section: TrainSection, minibatch: int, processes: int = 1) -> int:
    """Parts in all: a multiple of `processes`, the fewest of which none is too large.

    Raises:
        ValueError: the minibatch has no such parts.
    """
    size = group_size(model, section, minibatch)
    groups, most = minibatch // size, section.minibatch_per_device or minibatch
    for parts in range(processes, groups + 1, processes):
        if groups % parts == 0 and minibatch // parts <= most:
            return parts
    raise ValueError(
        f"minibatch {minibatch} does not divide into parts of at most {most} images for "
        f"{processes} process{'es' * (processes > 1)}: the networks see {size} images together "
        "(minibatch_stddev: 4 asks for 4)"
    )


def rows(
    model: Architecture, section: TrainSection, minibatch: int, processes: int = 1, rank: int = 0
) -> list[list[int]]:
    """Where the samples of each of a process's parts are in the minibatch."""
    groups = minibatch // group_size(model, section, minibatch)
    parts = count(model, section, minibatch, processes)
    width, share = groups // parts, parts // processes  # groups a part, parts a process
    found: list[list[int]] = [[] for _ in range(parts)]
    for sample in range(minibatch):
        found[sample % groups // width].append(sample)
    return found[rank * share : (rank + 1) * share]
