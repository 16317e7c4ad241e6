"""Scores of any two sets of images, without a pipeline around them."""
