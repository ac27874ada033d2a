"""Pipelines for the calls of one process: the host makes several at a time, a pipeline does one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from firstseen.errors import StoreUnavailable
from firstseen.language.pack import Pack
from firstseen.pipeline import Clock, Pipeline

MOST = 4
"""Pipelines of one process. What a call waits for is the store; more would only share one processor."""


class Pipelines:
    """Lends pipelines that run one pack. They are made when they are first needed.

    Raises RuleError when the pack cannot be run.
    """

    def __init__(self, pack: Pack, make: Callable[[Pack], Pipeline], clock: Clock) -> None:
        self.pack = pack
        self._make = make
        self._clock = clock
        self._free = [make(pack)]
        self._lent = 0
        self._changed = Condition()

    @contextmanager
    def lent(self, until_us: int) -> Iterator[Pipeline]:
        """One for this call alone. Raises StoreUnavailable when none is free until then: the call comes too late."""
        pipeline = self._take(until_us)
        try:
            yield pipeline
        finally:
            with self._changed:
                self._lent -= 1
                self._free.append(pipeline)
                self._changed.notify()

    def _take(self, until_us: int) -> Pipeline:
        with self._changed:
            left_seconds = max(0, until_us - self._clock()) / 1_000_000
            if not self._changed.wait_for(lambda: self._free or self._lent < MOST, left_seconds):
                raise StoreUnavailable("out of time: other calls kept this process at work")
            pipeline = self._free.pop() if self._free else self._make(self.pack)
            self._lent += 1
            return pipeline
