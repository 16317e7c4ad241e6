"""The section `tracking` of params.yaml; it has no influence on any result."""

from pydantic import Field

from pgpipe.config import Section


class TrackingSection(Section):
    """Whether runs are mirrored, and into which experiment of the store."""

    enabled: bool
    experiment: str = Field(min_length=1, max_length=500, pattern=r"\S")  # MLflow's limit
