"""The definition of episodes, by brute force over the whole set of hits. It shares no code with the steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

from firstseen.correlations.step import Hit
from firstseen.language.rules import Correlation

Span = tuple[int, int]
"""(first, last) true time of an episode."""


def holds(correlation: Correlation, hits: Iterable[Hit], time_us: int) -> bool:
    """Whether the condition is true at ``time_us``, by what lies in (time − S, time]."""
    window = [hit for hit in hits if time_us - correlation.timespan_us < hit.time_us <= time_us]
    match correlation.type:
        case "new_terms":
            return bool(window)
        case "event_count":
            return len({hit.value or hit.event_id for hit in window}) >= correlation.count
        case "value_count":
            return len({hit.value for hit in window}) >= correlation.count
        case "temporal":
            return {hit.member for hit in window} == set(range(len(correlation.members)))
        case _:
            return _in_order(window, len(correlation.members))


def _in_order(window: list[Hit], length: int) -> bool:
    """Some choice of one hit a member has times that never fall: found by taking the earliest fit each
    time.
    """
    at = -(10**30)
    for member in range(length):
        fits = [hit.time_us for hit in window if hit.member == member and hit.time_us >= at]
        if not fits:
            return False
        at = min(fits)
    return True


def true_times(correlation: Correlation, hits: Collection[Hit]) -> list[int]:
    moments = sorted({hit.time_us for hit in hits})
    return [time_us for time_us in moments if holds(correlation, hits, time_us)]


def episodes(correlation: Correlation, hits: Collection[Hit]) -> list[Span]:
    """Maximal runs of true times with gaps of at most S."""
    spans: list[Span] = []
    for time_us in true_times(correlation, hits):
        if spans and time_us - spans[-1][1] <= correlation.timespan_us:
            spans[-1] = (spans[-1][0], time_us)
        else:
            spans.append((time_us, time_us))
    return spans


def gaps(correlation: Correlation, hits: Collection[Hit]) -> list[int]:
    """The distances of neighbouring true times."""
    return [later - earlier for earlier, later in pairwise(true_times(correlation, hits))]
