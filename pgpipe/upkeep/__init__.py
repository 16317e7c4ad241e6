"""Keeping a project's files whole: what DVC and the stages have stored, seen from outside."""
