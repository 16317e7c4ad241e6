"""A generator for programs without pgpipe: as ONNX and as TorchScript, each checked by drawing.

Both take latents [N, latent_size] and, of a generator with classes, their shares [N, classes];
both return [N, channels, R, R], where data lie in [-1, 1].
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pgpipe.drawing import seeds as by_seed
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.gan.generator import Generator
from pgpipe.images import to_uint8
from pgpipe.plumbing.files import write_bytes

INPUTS = ("latents", "classes")
OUTPUT = "images"

Inputs = tuple[Tensor, ...]


def onnx_runtime() -> Any:
    """Return the package that runs ONNX; those that write it are there, too.

    Raises:
        UsageError: one of them is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(f"--onnx needs {error.name}: pip install 'pgpipe[export]'") from None
    return onnxruntime


def write_onnx(path: Path, generator: Generator) -> None:
    """Write a generator as ONNX, whose pictures are those of PyTorch.

    Raises:
        UsageError: what that needs is not installed.
        IntegrityError: it draws other pictures.
    """
    runtime, given = onnx_runtime(), inputs(generator, 2)
    names = INPUTS[: len(given)]
    number = torch.export.Dim("N")
    with without_a_word():
        program = torch.onnx.export(
            generator,
            given,
            input_names=names,
            output_names=[OUTPUT],
            dynamic_shapes=tuple({0: number} for _ in given),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None, "dynamo returns one"
    program.save(path)
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def draw(given: Inputs) -> Tensor:
        feed = {name: tensor.numpy() for name, tensor in zip(names, given, strict=True)}
        return torch.from_numpy(session.run([OUTPUT], feed)[0])

    require_same(path, generator, draw)


def write_torchscript(path: Path, generator: Generator) -> None:
    """Write a generator as TorchScript, whose pictures are those of PyTorch.

    Raises:
        IntegrityError: it draws other pictures.
    """
    buffer = io.BytesIO()
    with without_a_word():
        traced = torch.jit.trace(generator, inputs(generator, 2))
        torch.jit.save(traced, buffer)
    require_same(path, generator, lambda given: traced(*given))
    write_bytes(path, buffer.getvalue())


def inputs(generator: Generator, count: int) -> Inputs:
    """Return the latents of so many seeds and, where there are classes, their shares."""
    seeds = range(count)
    z, labels = by_seed.latents(generator, seeds), by_seed.labels(generator, seeds)
    return (z,) if labels is None else (z, torch.eye(generator.spec.classes)[labels])


@torch.no_grad()
def require_same(path: Path, generator: Generator, draw: Callable[[Inputs], Tensor]) -> None:
    """Raise an IntegrityError where pictures differ by more than 1 of 255."""
    given = inputs(generator, 5)
    ours, theirs = (to_uint8(images).int() for images in (generator(*given), draw(given)))
    if (most := int((ours - theirs).abs().max())) > 1:
        raise IntegrityError(f"{path.name}: differs from PyTorch's pictures by {most} of 255")


@contextmanager
def without_a_word() -> Iterator[None]:
    """Keep from the user what torch says of its own deprecated parts and absent packages."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
