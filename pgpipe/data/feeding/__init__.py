"""From these arrays to the minibatches of a training."""
