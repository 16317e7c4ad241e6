"""Experiment tracking: MLflow mirrors what stages write to files; it owns nothing."""
