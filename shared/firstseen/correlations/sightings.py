"""The log of events that a counting or ordering correlation still needs: ordered, free of copies, bounded.

What is kept:

- Everything newer than 2 S behind the newest sighting. While events are at most S out of order, the whole
  window of every time that can still change is in the log.
- Older sightings too, as long as the log is short: :data:`SPARE_SIGHTINGS`, or twice the number that the rule
  counts to, up to :data:`MAX_SPARE_SIGHTINGS`. So a burst whose events all come very late is still seen.
- Never more than :data:`MAX_SIGHTINGS` or :data:`MAX_LOG_BYTES`. A fuller log is cut by an eighth. First go
  the oldest of those that cannot decide the condition any more, because a newer sighting serves as well; then
  the oldest. The latter are counted in :attr:`~firstseen.store.state.KeyState.cut` by twenty-fourths of S,
  and go on counting.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from firstseen.language.rules import Correlation
from firstseen.store.state import KeyState, Sighting

MAX_SIGHTINGS = 1000
MAX_LOG_BYTES = 32 * 1024
SPARE_SIGHTINGS = 20
"""As many as fit, compressed, into the kilobyte that a write of DynamoDB is."""
MAX_SPARE_SIGHTINGS = 100

MAX_TEXT = 64
"""Longer ids and values are kept as their beginning and a hash: what matters is whether two are equal."""

_ROW_BYTES = 28  # a sighting's brackets, quotes, time and member as JSON
_CUT_PARTS = 24

Counted = Callable[[Sighting], object]
"""What of a sighting the correlation counts distinct ones of."""


def counted(correlation: Correlation) -> Counted:
    """``event_count`` counts operations, ``value_count`` values, ``temporal`` (and ordered) base rules.

    The value of an ``event_count``'s sighting is its operation's id where that differs from the event's.
    """
    match correlation.type:
        case "event_count":
            return lambda sighting: sighting.value or sighting.event_id
        case "value_count":
            return lambda sighting: sighting.value
        case _:
            return lambda sighting: sighting.member


class Log:
    """The sightings of one key while it is being stepped."""

    def __init__(self, correlation: Correlation, state: KeyState) -> None:
        self._correlation = correlation
        self._timespan_us = correlation.timespan_us
        self._cut_us = max(1, correlation.timespan_us // _CUT_PARTS)
        self._spare = min(max(SPARE_SIGHTINGS, 2 * correlation.count), MAX_SPARE_SIGHTINGS)
        self._counted = counted(correlation)
        self._held = list(state.sightings)
        self._bytes = sum(map(_bytes_of, self._held))
        self._cut = dict(state.cut)
        self.dropped = state.dropped

    @property
    def held(self) -> list[Sighting]:
        """By (time, id, member, value). Not to be changed."""
        return self._held

    @property
    def cut(self) -> tuple[tuple[int, int], ...]:
        """(place in time in units of S / 24, how many sightings were cut there), by place."""
        return tuple(sorted(self._cut.items()))

    def add(self, sighting: Sighting) -> bool:
        """Take it in; False when it is there already."""
        place = bisect_left(self._held, _order(sighting), key=_order)
        if place < len(self._held) and self._held[place] == sighting:
            return False
        self._held.insert(place, sighting)
        self._bytes += _bytes_of(sighting)
        return True

    def first_after(self, time_us: int) -> int:
        """The place of the first sighting later than ``time_us``."""
        return bisect_right(self._held, time_us, key=_time)

    def window(self, time_us: int) -> list[Sighting]:
        """The sightings in (time − S, time]."""
        return self._held[self.first_after(time_us - self._timespan_us) : self.first_after(time_us)]

    @property
    def cut_total(self) -> int:
        """How many cut sightings still count anywhere."""
        return sum(self._cut.values())

    def cut_within(self, time_us: int) -> int:
        """How many cut sightings may lie in (time − S, time].

        At most a twenty-fourth of S too many is taken in at each end.
        """
        if not self._cut:
            return 0
        first, last = (time_us - self._timespan_us) // self._cut_us, time_us // self._cut_us
        return sum(number for place, number in self._cut.items() if first <= place <= last)

    def trim(self) -> None:
        """Let go of what is not needed, as the module's text says."""
        if not self._held:
            return
        horizon_us = self._held[-1].time_us - 2 * self._timespan_us
        spare = 0 if self._full() else self._spare
        if len(self._held) > spare and self._held[0].time_us <= horizon_us:
            aged = min(self.first_after(horizon_us), len(self._held) - spare)
            self._bytes -= sum(map(_bytes_of, self._held[:aged]))
            del self._held[:aged]
        if self._full():
            self._shorten()
        if self._cut:
            self._cut = {place: n for place, n in self._cut.items() if (place + 1) * self._cut_us > horizon_us}

    def _full(self) -> bool:
        return len(self._held) > MAX_SIGHTINGS or self._bytes > MAX_LOG_BYTES

    def _shorten(self) -> None:
        """Cut to seven eighths of both bounds, so that a flood pays for this once in many events."""
        target, target_bytes = MAX_SIGHTINGS * 7 // 8, MAX_LOG_BYTES * 7 // 8
        deciding = self._deciding()
        idle = [place for place in range(len(self._held)) if place not in deciding]
        leaving: set[int] = set()
        for place in [*idle, *sorted(deciding)]:
            if len(self._held) - len(leaving) <= target and self._bytes <= target_bytes:
                break
            leaving.add(place)
            self._bytes -= _bytes_of(self._held[place])
            if place in deciding:
                self._count_cut(self._held[place])
        self.dropped += len(leaving)
        self._held = [one for place, one in enumerate(self._held) if place not in leaving]

    def _count_cut(self, sighting: Sighting) -> None:
        if self._correlation.type in {"event_count", "value_count"}:
            place = sighting.time_us // self._cut_us
            self._cut[place] = self._cut.get(place, 0) + 1

    def _deciding(self) -> set[int]:
        """Places of the sightings on which the condition at later times rests."""
        if self._correlation.type == "temporal_ordered":
            return _chains(self._held, len(self._correlation.members))
        newest = {self._counted(one): place for place, one in enumerate(self._held)}
        return set(newest.values())


Chain = tuple[Sighting, ...]
"""One sighting of each of the base rules 0 … n, in order; equal times are in order either way."""

_NO_START = -(2**63)


def chain_starts(held: Sequence[Sighting], length: int) -> Iterator[tuple[int, int]]:
    """(time, when the whole chain that starts last starts) after each time in ``held``, which is ordered
    by time.

    A whole chain is one of all ``length`` base rules. Before there is one, its start lies before all
    times. Light, because a flood comes here with every event.
    """
    starts = [_NO_START] * length
    place, end = 0, len(held)
    while place < end:
        time_us, members = held[place].time_us, [held[place].member]
        place += 1
        while place < end and held[place].time_us == time_us:
            members.append(held[place].member)
            place += 1
        if len(members) > 1:
            members.sort()
        for member in members:
            if member == 0:
                starts[0] = time_us
            elif member < length and starts[member - 1] > starts[member]:
                starts[member] = starts[member - 1]
        yield time_us, starts[-1]


def latest_chains(held: Iterable[Sighting], length: int) -> list[Chain | None]:
    """For each n < ``length``: the chain of the base rules 0 … n that starts last; None: there is none."""
    best: list[Chain | None] = [None] * length
    for _, group in groupby(held, key=_time):
        for member, sighting in sorted({one.member: one for one in group}.items()):
            if member == 0:
                best[0] = (sighting,)
            elif member < length:
                before, now = best[member - 1], best[member]
                if before is not None and (now is None or now[0].time_us <= before[0].time_us):
                    best[member] = (*before, sighting)
    return best


def _chains(held: Sequence[Sighting], length: int) -> set[int]:
    wanted = {one for chain in latest_chains(held, length) if chain is not None for one in chain}
    return {place for place, one in enumerate(held) if one in wanted}


def short(text: str) -> str:
    """Give ``text`` itself, or its beginning and a hash of all of it.

    At most :data:`MAX_TEXT` characters, equal for equal texts only.
    """
    if len(text) <= MAX_TEXT:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"{text[: MAX_TEXT - 25]}~{digest}"


def _bytes_of(sighting: Sighting) -> int:
    return _ROW_BYTES + _json_bytes(sighting.event_id) + _json_bytes(sighting.value)


def _json_bytes(text: str) -> int:
    """What a text takes at most in JSON: an escape has six bytes, any other character at most four."""
    return len(text) if text.isascii() and text.isprintable() else 6 * len(text)


def _order(sighting: Sighting) -> tuple[int, str, int, str]:
    return (sighting.time_us, sighting.event_id, sighting.member, sighting.value)


def _time(sighting: Sighting) -> int:
    return sighting.time_us
