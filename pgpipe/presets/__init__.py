"""Presets: overlay files that are merged into params.yaml, comments kept."""
