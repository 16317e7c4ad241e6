"""Files that an experiment's stages have made, read from DVC's cache."""

from pgpipe.errors import UsageError


def read_output(commit: str, path: str) -> bytes:
    """Return the content of a file among the outputs of a commit, relative to the project's root.

    Raises:
        UsageError: DVC has it no more.
    """
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        content: bytes = dvc.api.read(path, rev=commit, mode="rb")
    except (DvcException, OSError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"{path} of {commit[:7]} is not in DVC's cache ({told}); `dvc exp apply {commit[:7]} "
            "&& dvc repro` makes it anew"
        ) from None
    return content
