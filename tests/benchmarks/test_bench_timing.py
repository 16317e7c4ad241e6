"""Interleaved timing, on a clock that only the work moves."""

import pytest

from benchmarks import timing
from benchmarks.timing import Work, in_turns


class Bench:
    """Works that take so many seconds, a call's number counted from 0; and who was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.called = 0.0, ""
        monkeypatch.setattr(timing, "now", lambda: self.clock)

    def work(self, name: str, *seconds: float) -> Work:
        times = iter([*seconds, *[seconds[-1]] * 1000])

        def call() -> None:
            self.called += name
            self.clock += next(times)

        return Work(call)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_turns_take_about_the_seconds_asked_for_and_alternate(bench: Bench) -> None:
    works = {"a": bench.work("a", 0.5), "b": bench.work("b", 0.25)}
    assert in_turns(works, repeats=3, seconds=1.0) == {"a": 0.5, "b": 0.25}
    assert bench.called == "ab" + "ab" + 3 * ("aa" + "bbbb")  # warm-up, first timing, turns


def test_the_median_of_the_turns_counts(bench: Bench) -> None:
    disturbed = bench.work("a", 5.0, 1.0, 1.0, 9.0, 1.5, 8.0, 2.0)  # the first two are the warm-up
    assert in_turns({"a": disturbed}, repeats=5, seconds=1.0) == {"a": 2.0}


def test_what_takes_long_is_timed_in_fewer_turns_but_in_one(bench: Bench) -> None:
    in_turns({"a": bench.work("a", timing.LIMIT_S / 2)}, repeats=5, seconds=1.0)
    assert len(bench.called) == timing.WARM_UP + 2
    in_turns({"b": bench.work("b", 10.0 * timing.LIMIT_S)}, repeats=5, seconds=1.0)
    assert bench.called.count("b") == timing.WARM_UP + 1


def test_preparation_precedes_every_series_and_is_not_timed(bench: Bench) -> None:
    def prepare() -> None:
        bench.called += "p"
        bench.clock += 100.0

    work = Work(bench.work("a", 1.0).call, prepare)
    assert in_turns({"a": work}, repeats=2, seconds=2.0) == {"a": 1.0}
    assert bench.called == "pa" + "pa" + 2 * "paa"
