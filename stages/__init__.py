"""The stages of the pipeline: each reads parameters, calls the library, writes its outputs.

A stage's name is its file here, its command, its key in dvc.yaml. `Params` is all it reads of
params.yaml, `run` does it. Where it reads and writes is below.
"""
