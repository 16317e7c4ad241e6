"""A GPU whose memory is full: the user is told what to lower, and nothing is lowered silently."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tinyphase import MINIBATCH, Count, Place, last_state

from pgpipe.errors import ResourceError
from pgpipe.gan.step import Step

FULL = "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 8 GiB."


def test_full_gpu_names_the_parameter_and_keeps_the_state(
    place: Place, whole: tuple[Path, Count], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.interrupted(tmp_path, 5)
    before = last_state(tmp_path)
    sizes: list[int] = []

    def step(_: Step, batches: Any) -> None:
        sizes.extend(len(batch.images) for batch in batches)
        raise torch.OutOfMemoryError(FULL)

    with monkeypatch.context() as patch:
        patch.setattr(Step, "__call__", step)
        with pytest.raises(ResourceError) as caught:
            place.run(tmp_path)
    assert sizes == [MINIBATCH], "tried once, with the minibatch of the parameters"
    message = str(caught.value)
    assert f"at minibatch {MINIBATCH}; lower train.minibatch" in message
    assert "Tried to allocate 2.00 GiB" in message
    assert "\n" not in message

    assert last_state(tmp_path) == before
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name
