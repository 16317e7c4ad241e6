"""Processes that share the work of one command: how they start, talk, and are ended."""
