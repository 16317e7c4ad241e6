"""Scores of image sets: pure functions of uint8 batches and a seed."""
