"""Independent calls on a store, side by side: what the tables of both clouds are made on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")


class SideBySide:
    """At most ``workers`` threads, begun when they are needed first. Threads may share it."""

    def __init__(self, workers: int, name: str) -> None:
        self._workers = workers
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False

    def close(self) -> None:
        """End the threads; further calls are errors."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def each(self, work: Callable[[A], T], arguments: Sequence[A]) -> list[T]:
        """Do independent work side by side; the results in order.

        The first fault stops what has not begun, and is raised when nothing runs any more: no write of this call
        happens after its end.
        """
        if self._closed:
            msg = "this store object is closed"
            raise ValueError(msg)
        if len(arguments) <= 1 or self._workers <= 1:
            return [work(one) for one in arguments]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, self._name)
        futures: list[Future[T]] = [self._pool.submit(work, one) for one in arguments]
        done, left = wait(futures, return_when=FIRST_EXCEPTION)
        for future in left:
            future.cancel()
        wait(left)
        for future in done:
            future.result()  # a fault, before those that it cancelled
        return [future.result() for future in futures]
