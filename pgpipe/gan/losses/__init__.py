"""The objectives: small functions of scores, gradients and labels, each with its source."""
