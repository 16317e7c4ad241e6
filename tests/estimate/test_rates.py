"""The speed of training that a machine remembers."""

from pathlib import Path
from typing import Any

import pytest

from pgpipe.estimate import rates
from pgpipe.gan.schedule import Phase

DOCUMENT: dict[str, Any] = {
    "model": {"fmap_max": 16},
    "train": {"minibatch": 8, "seed": 0, "loss": "wgan-gp"},
}


def phase(res: int, kimg: float, minibatch: int | None = None) -> Phase:
    before = "init" if res == 4 else f"r{res // 2}"
    entry = {"res": res, "from": before, "fade_kimg": 0, "stable_kimg": kimg}
    return Phase(**entry, minibatch=minibatch)  # type: ignore[arg-type]


def test_hours_are_images_by_the_speed_of_each_phase(tmp_path: Path) -> None:
    chain = [phase(4, 7.2), phase(8, 3.6)]
    assert rates.hours(tmp_path, DOCUMENT, chain) is None
    rates.remember(tmp_path, rates.key_of(DOCUMENT, chain[0]), 100.0)
    assert rates.hours(tmp_path, DOCUMENT, chain) is None, "r8 was never trained"
    rates.remember(tmp_path, rates.key_of(DOCUMENT, chain[1]), 10.0)
    assert rates.hours(tmp_path, DOCUMENT, chain) == pytest.approx((72 + 360) / 3600)
    longer = [phase(4, 14.4), chain[1]]
    other_seed = {**DOCUMENT, "train": {**DOCUMENT["train"], "seed": 7}}
    assert rates.hours(tmp_path, other_seed, longer) == pytest.approx((144 + 360) / 3600)


def test_what_decides_the_speed_is_remembered_apart() -> None:
    one = rates.key_of(DOCUMENT, phase(8, 1))
    assert rates.key_of(DOCUMENT, phase(16, 1)) != one
    assert rates.key_of(DOCUMENT, phase(8, 1, 4)) != one
    assert rates.key_of({**DOCUMENT, "model": {"fmap_max": 32}}, phase(8, 1)) != one
    assert rates.key_of({**DOCUMENT, "train": {"minibatch": 8, "loss": "r1"}}, phase(8, 1)) != one


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": "x"}', b"\xff"])
def test_a_memory_that_is_damaged_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".pgpipe").mkdir()
    (tmp_path / rates.FILE).write_bytes(content)
    assert rates.known(tmp_path) == {}
    rates.remember(tmp_path, "key", 2.0)
    assert rates.known(tmp_path) == {"key": 2.0}
