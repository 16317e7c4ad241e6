"""Training: one phase of the growth at a time, resumable to the bit."""
