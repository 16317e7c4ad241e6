"""Data sets as others publish them: where their files come from, and how their formats are read."""
