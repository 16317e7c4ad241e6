"""Which device computes, and how."""

from collections.abc import Iterator

import pytest
import torch

from pgpipe.errors import UsageError
from pgpipe.plumbing import devices


@pytest.fixture
def as_before() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    yield
    cudnn.allow_tf32, cudnn.deterministic = before


@pytest.mark.parametrize(
    ("there", "name", "chosen"),
    [
        (True, "auto", "cuda"),
        (True, "cuda", "cuda"),
        (True, "cpu", "cpu"),
        (False, "auto", "cpu"),
        (False, "cpu", "cpu"),
    ],
)
def test_a_gpu_where_there_is_one_and_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, there: bool, name: str, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert devices.choose(name) == torch.device(chosen)


def test_a_gpu_that_is_not_there_is_the_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"train\.device: 'cuda' asked for"):
        devices.choose("cuda")


@pytest.mark.usefixtures("as_before")
def test_what_samples_and_scores_rounds_nothing_away_and_repeats_its_bits() -> None:
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = True, False
    assert devices.exact() == devices.choose()
    assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.deterministic
