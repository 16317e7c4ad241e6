"""Kills, signals and corruption: `make faults` makes every trial, `make test` a smoke of each."""
