"""How many trials a test makes, from which seed, and what it reached."""

import random


class Trials:
    """The trials of one test; their random numbers are those of the seed and the test's name."""

    def __init__(self, everything: bool, seed: int, name: str, figures: list[str]) -> None:
        self.everything, self.name, self.figures = everything, name, figures
        self.random = random.Random(f"{seed} {name}")

    def number(self, smoke: int, everything: int) -> int:
        """How many there are now."""
        return everything if self.everything else smoke

    def reached(self, text: str) -> None:
        """Note a figure, which is printed at the end."""
        self.figures.append(f"{self.name}: {text}")
