"""`python -m pgpipe STAGE`: the form that dvc.yaml uses, so that a workspace runs its own code."""

from pgpipe.commands.app import main

main()
