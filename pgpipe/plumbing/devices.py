"""Which device computes."""

import torch

from pgpipe.errors import UsageError


def choose(name: str = "auto") -> torch.device:
    """`cpu` or `cuda`; `auto` is CUDA where there is some."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("params.yaml: train.device: 'cuda' asked for, but torch finds no CUDA")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def exact() -> torch.device:
    """The device that samples and scores, whose convolutions are float32 and repeat their bits."""
    torch.backends.cudnn.allow_tf32 = False  # its rounding would show in the scores
    torch.backends.cudnn.deterministic = True
    return choose()
