"""The losses: `table` names them, `loss` says what one is, and each has a file of its own.

`wgan_gp` is the paper's; `gradients` has the norm that penalties are of, `labels` what the label
logits should say.
"""
