"""Data sets: raw files -> one uint8 array a resolution -> minibatches."""
