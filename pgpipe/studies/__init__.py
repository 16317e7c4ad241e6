"""The paper's tables as experiments: queued in DVC, read from git, compared with the paper."""
