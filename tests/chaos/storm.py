"""Bad weather around a handler: the store stumbles and is away, the sink is away, the process dies in the middle.

All at random, from a seed, by the clock of the test. It stands between the adapters and the handler; what a client of a
cloud's SDK meets (throttling, lost answers, half a batch) is put in below the adapters by tests/faults/test_workers.py.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from firstseen.errors import StoreUnavailable
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication, Sink
from firstseen.store.store import Store
from tests.faults.faulty import FaultyStore
from tests.faults.world import MINUTE_US, Clock

T = TypeVar("T")

THROTTLED = 0.05
"""Of calls: nothing happens, and the store says so."""

STUMBLED = 0.01
"""Of calls: they take effect, and their answer is an error."""

KILLED = 0.03
"""Of calls: the process is gone, before or after them."""


AWAY_FROM = {"store": 30, "sink": 4}
"""The call with which an outage of a minute begins."""


class Killed(BaseException):
    """The process is gone: nothing in it may answer to this."""


@dataclass(slots=True)
class Storm:
    """What goes wrong, and how often it did."""

    chance: random.Random
    clock: Clock
    seen: Counter[str] = field(default_factory=Counter)
    _calls: Counter[str] = field(default_factory=Counter)
    _ends_us: dict[str, int] = field(default_factory=dict)

    def call(self, name: str, work: Callable[[], T]) -> T:
        """A call of the store."""
        self._maybe_kill()
        if self._away("store"):
            raise self._fault("store away", name)
        if self.chance.random() < THROTTLED:
            raise self._fault("throttled", name)
        answer = work()
        self._maybe_kill()
        if self.chance.random() < STUMBLED:
            raise self._fault("stumbled", name)
        return answer

    def publish(self, work: Callable[[], Sequence[Publication]], count: int) -> Sequence[Publication]:
        """A call of the sink, which may tell everything and lose the answer."""
        self._maybe_kill()
        if self._away("sink"):
            self.seen["sink away"] += 1
            return ["unavailable"] * count
        answers = work()
        self._maybe_kill()
        if self.chance.random() < STUMBLED:
            self.seen["answer of the sink lost"] += 1
            return ["unavailable"] * count
        return answers

    def _away(self, what: str) -> bool:
        """For a minute by the clock, from a certain call on."""
        self._calls[what] += 1
        if self._calls[what] == AWAY_FROM[what]:
            self._ends_us[what] = self.clock.now_us + MINUTE_US
        return self.clock.now_us < self._ends_us.get(what, 0)

    def _maybe_kill(self) -> None:
        if self.chance.random() < KILLED:
            self.seen["killed"] += 1
            raise Killed

    def _fault(self, what: str, name: str) -> StoreUnavailable:
        self.seen[what] += 1
        return StoreUnavailable(f"{what}: {name}")


class StormyStore(FaultyStore):
    """Every call of the protocol, in the storm."""

    def __init__(self, store: Store, storm: Storm) -> None:
        super().__init__(store)
        self._storm = storm

    def _call(self, name: str, work: Callable[[], T]) -> T:
        return self._storm.call(name, work)

    def _scan(self, name: str, rows: Iterator[T]) -> Iterator[T]:
        self._storm.call(name, lambda: None)
        yield from rows


@dataclass(frozen=True, slots=True)
class StormySink:
    """A sink in the storm."""

    sink: Sink
    storm: Storm

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        return self.storm.publish(lambda: self.sink.publish(findings, deadline_us=deadline_us), len(findings))
