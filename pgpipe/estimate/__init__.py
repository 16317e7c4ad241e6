"""What a run will take of disk and memory, computed from its parameters beforehand."""
