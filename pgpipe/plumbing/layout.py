"""Names and shapes of what one stage writes into a file and another reads there."""

# models/rN
STATE = "state.safetensors"  # the full training state: where the next phase starts
NETWORKS = "networks.safetensors"  # of an export: a state's networks and averages alone
GENERATOR = "generator.safetensors"  # the averaged generator that is sampled and scored
LAST = "last.safetensors"  # that of the phase's end; where it is selected, the same
HISTORY = "history.csv"  # a row a tick, over all phases that led to the model
SCORES = "scores.csv"  # quick scores of the ticks, over all phases; where there are any
PREVIEWS = "previews"  # pictures of the fixed latents, of all phases that led to the model

STATE_FORMAT = 1  # of a state: raised when it has another form, so that an older one is refused

# In a state: the fixed latents [n, latent_size] and labels int64 [n] of all previews
PREVIEW_LATENTS, PREVIEW_LABELS = "preview.latents", "preview.labels"
PREVIEW_COLUMNS = 8
PREVIEW_TILE = 64  # pixels, or the resolution where that is more

# data/multires/labels.npy of stacked digits: the mode R + 10 G + 100 B of the three digits
MODE_PLACES = (1, 10, 100)


def preview_name(key: str, images: int) -> str:
    """Return the name of the picture that a phase draws after so many of its images."""
    return f"{key}-{images:09d}.png"
