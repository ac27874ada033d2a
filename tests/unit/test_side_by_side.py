"""Independent calls side by side: their results in order, and nothing runs on after a fault."""

from __future__ import annotations

from concurrent.futures import ALL_COMPLETED, Future, wait
from threading import Barrier, Event

import pytest

from firstseen.adapters.side_by_side import SideBySide


def test_results_come_in_the_order_of_their_arguments_whichever_ends_first() -> None:
    pool, second_ended = SideBySide(2, "test"), Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_ended.wait(10)
        else:
            second_ended.set()
        return number * 10

    assert pool.each(work, [0, 1]) == [0, 10]
    pool.close()


def test_the_first_fault_stops_what_has_not_begun_and_waits_for_what_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """No write happens after the call has ended: else a function's container would be frozen in the middle of it."""
    both, stopped = Barrier(2), Event()
    begun: list[int] = []
    ended: list[int] = []

    def waiting(futures: list[Future[None]], return_when: str = ALL_COMPLETED) -> object:
        if return_when == ALL_COMPLETED:  # of what goes on after a fault
            stopped.set()
        return wait(futures, return_when=return_when)

    def work(number: int) -> None:
        begun.append(number)
        if number < 2:
            both.wait(10)
        if number == 0:
            raise OSError("the fault")
        assert stopped.wait(10)
        ended.append(number)

    monkeypatch.setattr("firstseen.adapters.side_by_side.wait", waiting)
    pool = SideBySide(2, "test")
    with pytest.raises(OSError, match="the fault"):
        pool.each(work, list(range(1_000)))
    assert sorted(begun) in ([0, 1], [0, 1, 2])
    assert sorted([0, *ended]) == sorted(begun)
    pool.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_is_closed_takes_nothing(workers: int) -> None:
    pool = SideBySide(workers, "test")
    assert pool.each(str, [1, 2]) == ["1", "2"]
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        pool.each(str, [])
