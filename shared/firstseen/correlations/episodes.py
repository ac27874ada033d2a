"""Episodes of one key: maximal runs of true times with gaps of at most the timespan.

The specification, point by point with drawn time lines, is ``docs/episodes.md``.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from firstseen.findings.finding import finding_uid, late_uid
from firstseen.store.state import MAX_EPISODES, Episode, KeyState

LAG_PARTS = 24
"""An episode's stored end moves only by more than S / 24: five times fewer writes, and a bounded blur."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode that a true time opened.

    Attributes:
        uid: of its finding.
        last_seen_us: the stored end of the episode before it; 0: none is known.
        late: the true time is older than every kept episode by more than the timespan.
        first: it is the first that the key ever opened.
    """

    uid: str
    last_seen_us: int
    late: bool
    first: bool


class Episodes:
    """The episodes of one key while it is being stepped. Times in microseconds since 1970.

    The kept episodes are ordered by start and lie more than the timespan apart.
    """

    def __init__(self, key: str, timespan_us: int, state: KeyState) -> None:
        self._key = key
        self._timespan_us = timespan_us
        self._lag_us = timespan_us // LAG_PARTS
        self._kept = list(state.episodes)
        self.generation = state.generation
        self.last_us = state.last_us
        if not self._kept and state.generation and state.last_us:
            # Reduced to generation and last seen: what is left of the last episode is one point.
            last_uid = finding_uid(key, state.generation - 1)
            self._kept.append(Episode(state.last_us, state.last_us, last_uid))

    @property
    def kept(self) -> tuple[Episode, ...]:
        """At most :data:`~firstseen.store.state.MAX_EPISODES`, by start."""
        return tuple(self._kept)

    def moved(self, state: KeyState) -> bool:
        """Whether anything differs from ``state``, which they were made from."""
        return self.last_us != state.last_us or self.generation != state.generation or self.kept != state.episodes

    def covers(self, time_us: int) -> bool:
        """Whether a true time ``time_us`` would change nothing.

        It lies in an episode, or within the lag behind one.
        """
        place = bisect_right(self._kept, time_us, key=_start)
        if not place or time_us > self._kept[place - 1].end_us + self._lag_us:
            return False
        return place == len(self._kept) or time_us < self._kept[place].start_us - self._timespan_us

    def add(self, time_us: int, event_id: str) -> Opened | None:
        """Take in a true time: extend an episode, merge two, or open one.

        ``event_id`` names the finding when the episode is late.
        """
        place = bisect_right(self._kept, time_us, key=_start)
        before = self._kept[place - 1] if place else None
        after = self._kept[place] if place < len(self._kept) else None
        joins_before = before is not None and time_us <= before.end_us + self._timespan_us
        joins_after = after is not None and time_us >= after.start_us - self._timespan_us
        if before and after and joins_before and joins_after:
            self._kept[place - 1 : place + 1] = [Episode(before.start_us, after.end_us, before.uid)]
        elif before and joins_before:
            if time_us > before.end_us + self._lag_us:
                self._kept[place - 1] = Episode(before.start_us, time_us, before.uid)
        elif after and joins_after:
            self._kept[place] = Episode(time_us, after.end_us, after.uid)
        else:
            return self._open(place, time_us, event_id, 0 if before is None else before.end_us)
        self.last_us = max(self.last_us, self._kept[-1].end_us)
        return None

    def _open(self, place: int, time_us: int, event_id: str, last_seen_us: int) -> Opened:
        late = place == 0 and bool(self._kept)
        if late:
            uid, first = late_uid(self._key, event_id), False
            if len(self._kept) < MAX_EPISODES:
                self._kept.insert(0, Episode(time_us, time_us, uid))
        else:
            uid, first = finding_uid(self._key, self.generation), self.generation == 0
            self.generation += 1
            self._kept.insert(place, Episode(time_us, time_us, uid))
            del self._kept[:-MAX_EPISODES]
        self.last_us = max(self.last_us, time_us)
        return Opened(uid, last_seen_us, late, first)


def _start(episode: Episode) -> int:
    return episode.start_us
