"""Progressive GAN (Karras et al., ICLR 2018) as an experiment-tracked pipeline."""

__version__ = "0.2.0"
