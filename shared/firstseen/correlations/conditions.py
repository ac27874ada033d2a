"""When a condition holds: the only place that knows what each correlation type asks of a window.

A condition is asked at event times only. It holds at t by what lies in (t − S, t]; so a new event at x can
change the answer for the event times in [x, x + S) and for no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from firstseen.correlations.sightings import Log, chain_starts, counted, latest_chains
from firstseen.language.rules import Correlation
from firstseen.store.state import Sighting


def affected(log: Log, time_us: int, timespan_us: int) -> list[int]:
    """The event times whose windows hold ``time_us``, ascending."""
    held = log.held[log.first_after(time_us - 1) : log.first_after(time_us + timespan_us - 1)]
    return [one for one, _ in groupby(sighting.time_us for sighting in held)]


def true_times(correlation: Correlation, log: Log, times: list[int]) -> Iterator[int]:
    """Those of ``times`` (ascending event times) at which the condition holds."""
    if not times:
        return iter(())
    what, needed = counted(correlation), _needed(correlation)
    first = log.first_after(times[0] - correlation.timespan_us)
    span = log.held[first : log.first_after(times[-1])]
    if len(span) + log.cut_total < needed or len(set(map(what, span))) + log.cut_total < needed:
        return iter(())  # not even all windows together hold enough: the usual case, and the cheap one
    if correlation.type == "temporal_ordered":
        return _ordered(correlation, span, times)
    return _distinct(correlation, log, times, needed)


def _needed(correlation: Correlation) -> int:
    counts = correlation.type in {"event_count", "value_count"}
    return correlation.count if counts else len(correlation.members)


def _distinct(correlation: Correlation, log: Log, times: list[int], needed: int) -> Iterator[int]:
    """At least so many distinct events, values or base rules, sliding one window over ``times``."""
    what = counted(correlation)
    present: Counter[object] = Counter()
    first = last = log.first_after(times[0] - correlation.timespan_us)
    for time_us in times:
        new_first, new_last = log.first_after(time_us - correlation.timespan_us), log.first_after(time_us)
        present.update(map(what, log.held[last:new_last]))
        for sighting in log.held[first:new_first]:
            _remove(present, what(sighting))
        first, last = new_first, new_last
        if len(present) + log.cut_within(time_us) >= needed:
            yield time_us


def _remove(present: Counter[object], one: object) -> None:
    present[one] -= 1
    if not present[one]:
        del present[one]


def _ordered(correlation: Correlation, span: list[Sighting], times: list[int]) -> Iterator[int]:
    """Every base rule, in the rule's order: the chain that starts last must start inside the window."""
    asked = set(times)
    for time_us, start_us in chain_starts(span, len(correlation.members)):
        if start_us > time_us - correlation.timespan_us and time_us in asked:
            yield time_us


def evidence(correlation: Correlation, log: Log, time_us: int) -> list[Sighting]:
    """The events that made the condition true at ``time_us``, those first that are most worth showing.

    First one of each thing that counted, the newest of it, by time (for ``temporal_ordered`` a whole chain);
    then the rest by time. One entry an event.
    """
    window = log.window(time_us)
    what = counted(correlation)
    chosen = list({what(one): one for one in window}.values())
    if correlation.type == "temporal_ordered":
        chosen = list(latest_chains(window, len(correlation.members))[-1] or chosen)
    chosen.sort(key=lambda one: one.time_us)
    by_event: dict[str, Sighting] = {}
    for one in [*chosen, *window]:
        by_event.setdefault(one.event_id, one)
    return list(by_event.values())
