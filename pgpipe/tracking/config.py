"""The section `tracking` of params.yaml; it has no influence on any result."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pgpipe.config import Section


def require_name(text: str) -> str:
    """Pass a name that every store of MLflow finds again as it is written."""
    if not text.isprintable() or text != text.strip():
        raise ValueError(f"{text!r} has characters that cannot be printed, or blanks at an end")
    return text


class TrackingSection(Section):
    """Whether runs are mirrored, and into which experiment of the store."""

    enabled: bool
    # At most as long as the column of MLflow's tables; SQLite alone takes more.
    experiment: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(require_name)]
