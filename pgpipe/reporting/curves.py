"""What a row's curves say beyond its last scores: when each scale settled, and what an image costs.

A level of SWD has settled at the first tick from which on it stays below `SETTLED` times its final
value, which is the mean of its last fifth. Levels begin where the growth reaches their resolution.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from pgpipe.metrics.table import METRICS, metric_of, name_of

SETTLED = 1.5
LAST_TICK = "last_"  # before the name of a score: of the last tick, where the best one was selected
LAST = 5  # the last of so many parts is the end of a curve


class Tick(NamedTuple):
    """A row of quick scores."""

    images: int  # real images shown so far, in all phases
    levels: Mapping[int, float]  # SWD x 10^3 by resolution


class Curve(NamedTuple):
    """The curves of one run."""

    row: str
    seed: int
    ticks: Sequence[Tick]
    images: Mapping[int, int]  # that each resolution was trained with, in order
    speeds: Mapping[int, Sequence[float]]  # images per second at the ticks of each resolution

    @property
    def levels(self) -> list[int]:
        """The resolutions of the levels, finest first."""
        return sorted({level for tick in self.ticks for level in tick.levels}, reverse=True)

    def of_level(self, level: int) -> list[tuple[int, float]]:
        """Return the images and the score at each tick that has a level."""
        return [(tick.images, tick.levels[level]) for tick in self.ticks if level in tick.levels]

    def seconds_per_image(self, resolution: int) -> float:
        """Return the mean over the ticks of a resolution."""
        return fmean(1 / speed for speed in self.speeds[resolution])

    @property
    def is_timed(self) -> bool:
        """Whether there are times of every resolution."""
        return bool(self.images) and all(self.speeds.get(size) for size in self.images)

    def hours(self, images: int) -> float:
        """Return the hours of training until so many images were shown."""
        seconds, left = 0.0, images
        for resolution, shown in self.images.items():
            seconds += min(left, shown) * self.seconds_per_image(resolution)
            left -= min(left, shown)
        return seconds / 3600


class Column(NamedTuple):
    """How a number is called in a table, and its digits after the point."""

    short: str
    digits: int


COLUMNS = {
    "settling_lag": Column("kimg from coarsest to finest", 1),
    "hours_per_mimg": Column("hours per million images", 2),
    "settled": Column("settled at kimg", 1),
}


def column(score: str) -> Column:
    """Return how a score, or what was derived from curves, is written; a level after its name."""
    if score.startswith(LAST_TICK):
        found = column(score.removeprefix(LAST_TICK))
        return found._replace(short=f"{found.short}, last tick")
    own = next((name for name in COLUMNS if score.startswith(name)), "")
    name, known = (own, COLUMNS[own]) if own else (name_of(score), metric_of(score))
    level = score.removeprefix(name).removeprefix("_")
    return Column(f"{known.short} {level}".rstrip(), known.digits)


def higher_is_better(score: str) -> bool:
    """Return which way a score is better; what was derived from curves is better lower."""
    name = name_of(score.removeprefix(LAST_TICK))
    return bool(name) and METRICS[name].higher_is_better


def derived(curve: Curve) -> dict[str, float]:
    """Return what a curve says, by the names of `COLUMNS`, each with its deviation `_std`."""
    found: dict[str, float] = {}
    places = {level: settled(curve.of_level(level)) for level in curve.levels}
    for level, (images, apart) in places.items():
        found |= {f"settled_{level}": images / 1000, f"settled_{level}_std": apart / 12**0.5 / 1000}
    if len(places) > 1:
        (coarse, apart), (fine, other) = places[curve.levels[-1]], places[curve.levels[0]]
        lag, spread = (fine - coarse) / 1000, (apart**2 + other**2) ** 0.5 / 12**0.5 / 1000
        found |= {"settling_lag": lag, "settling_lag_std": spread}
    if curve.is_timed:
        every = sum(curve.images.values())
        hours = {k: 1e6 / every * value for k, value in cost(curve).items()}
        found |= {"hours_per_mimg": hours["mean"], "hours_per_mimg_std": hours["std"]}
    return found


def settled(points: Sequence[tuple[int, float]]) -> tuple[int, int]:
    """Return the images at which a level has settled, and the images between ticks there."""
    last = [score for _, score in points[-max(1, len(points) // LAST) :]]
    above = [n for n, (_, score) in enumerate(points) if score > SETTLED * fmean(last)]
    place = min(above[-1] + 1 if above else 0, len(points) - 1)
    before = points[place - 1][0] if place else 0
    return points[place][0], points[place][0] - before


def cost(curve: Curve) -> dict[str, float]:
    """Return the hours of a training, and the deviation that those of its ticks give them."""
    spreads = [
        shown * (stdev(seconds) / len(seconds) ** 0.5 if len(seconds) > 1 else 0.0)
        for size, shown in curve.images.items()
        for seconds in [[1 / speed for speed in curve.speeds[size]]]
    ]
    whole = curve.hours(sum(curve.images.values()))
    return {"mean": whole, "std": sum(spread**2 for spread in spreads) ** 0.5 / 3600}
