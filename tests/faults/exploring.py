"""Examples of a strategy, as many as are asked for, from a seed that is printed."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

SEED = 20261124

T = TypeVar("T")


def explore(strategy: SearchStrategy[T], examples: int, check: Callable[[T], None]) -> None:
    """Apply `check` to so many examples; the failing one is made small and shown."""
    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],  # tracing slows what is timed
    )
    try:
        seed(SEED)(limits(given(strategy)(check)))()
    finally:
        print(f"seed {SEED}, {examples} examples")  # noqa: T201 - what repeats it
