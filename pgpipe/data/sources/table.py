"""Each source by its name: the module that has it, imported only where that source is asked for.

To add a source, write a module of this package with a `Source` in it (how its files come into
data/raw, how they are read), and its entry in catalogue.yaml; a tiny set in its format goes into
tests/publishedsets.py. What a module imports at its top is what it always needs: the code that a
preparation depends on is found so, and an edit of one source leaves the preparations of others
valid.
"""

from pkgutil import resolve_name

from pgpipe.data.sources.catalogue import sources
from pgpipe.data.sources.source import Made, Source

SOURCES = {name: f"{__package__}.{where}" for name, where in sources().items()}


def source(name: str) -> Source | Made:
    """The source that dataset.name says; imports its module."""
    found: Source | Made = resolve_name(SOURCES[name])
    return found
