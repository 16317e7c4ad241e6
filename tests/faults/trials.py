"""How many trials a test makes, from which seed, and what it reached."""

import random

import pytest

REACHED = "reached"  # the property of a test's report that a figure is


class Trials:
    """The trials of one test; their random numbers are those of the seed and the test's name."""

    def __init__(self, everything: bool, seed: int, test: pytest.Item) -> None:
        self.everything, self.test = everything, test
        self.random = random.Random(f"{seed} {test.name}")

    def number(self, smoke: int, everything: int) -> int:
        """How many there are now."""
        return everything if self.everything else smoke

    def reached(self, text: str) -> None:
        """Note a figure, which is printed at the end."""
        self.test.user_properties.append((REACHED, f"{self.test.name}: {text}"))
