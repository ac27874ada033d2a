"""Bad weather on the way from a function's process to its services, by chance from a seed, and what it did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from tests.chaos.moving import MovedClock
from tests.faults.world import MINUTE_US

Service = Literal["store", "sink", "other"]
Fate = Literal["fine", "away", "throttled", "stumbled", "lost", "killed before", "killed unanswered", "killed after"]
"""What becomes of a call.

fine: it is made and answered. away, throttled: it is not made, the answer says so. stumbled: it takes effect, and its
answer is an error. lost: it takes effect and is never answered. killed: the process is, before the call was made, after
it took effect, or after it was answered.
"""

THROTTLED = 0.05
STUMBLED = 0.005
LOST = 0.005
"""Of calls; these two together are the errors after taking effect."""

CERTAIN: dict[int, Fate] = {15: "throttled", 25: "stumbled", 35: "lost", 60: "killed unanswered"}
"""Of the store's calls, by their number: so that a short run meets each, however its processes cross."""


@dataclass(slots=True)
class Weather:
    """Decides for every call of every process. Threads may share it.

    Attributes:
        killed: of calls: their process is killed.
        outages: service → the call of it with which its outage begins, which lasts a minute by the clock.
        seen: what happened, by its name; ``store away`` and so on for outages.
    """

    chance: random.Random
    clock: MovedClock
    killed: float
    outages: Mapping[Service, int]
    seen: Counter[str] = field(default_factory=Counter)
    calls: Counter[Service] = field(default_factory=Counter)
    _ends_us: dict[Service, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fate(self, service: Service) -> Fate:
        """Of the next call."""
        with self._lock:
            fate = self._decide(service)
            self.seen[f"{service} away" if fate == "away" else fate] += 1
            return fate

    def _decide(self, service: Service) -> Fate:
        self.calls[service] += 1
        if service == "store" and self.calls[service] in CERTAIN:
            return CERTAIN[self.calls[service]]
        now_us = self.clock()
        if self.calls[service] == self.outages.get(service):
            self._ends_us[service] = now_us + MINUTE_US
        drawn = self.chance.random()
        if drawn < self.killed:
            return self.chance.choice(("killed before", "killed unanswered", "killed after"))
        if now_us < self._ends_us.get(service, 0):
            return "away"
        drawn -= self.killed
        for fate, share in _SHARES:
            if drawn < share:
                return fate
            drawn -= share
        return "fine"

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(number for name, number in self.seen.items() if name.startswith("killed"))


_SHARES: tuple[tuple[Fate, float], ...] = (("throttled", THROTTLED), ("stumbled", STUMBLED), ("lost", LOST))
