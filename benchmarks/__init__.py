"""Measurements of this machine, for people who change the code."""
