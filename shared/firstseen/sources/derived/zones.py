"""A time zone as one line of text, the way POSIX writes it: ``CET-1CEST,M3.5.0,M10.5.0/3``.

The text says what clocks show now and in the years to come. It needs no file, so it gives the same answer on every
machine; the builder of a pack takes it from the zone's name. Rejected: the names themselves with ``zoneinfo``, which
reads files that differ from machine to machine, and that a function's image may lack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS
MAX_RULE_CHARACTERS = 100

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_SECONDS = (date(2, 1, 1).toordinal() - _EPOCH_DAY) * DAY_SECONDS
_END_SECONDS = (date(9999, 1, 1).toordinal() - _EPOCH_DAY) * DAY_SECONDS

_NAME = r"(?:[A-Za-z]{3,10}|<[A-Za-z0-9+-]{3,10}>)"
_CLOCK = r"[+-]?\d{1,3}(?::\d{2}){0,2}"
_DAY = rf"M\d{{1,2}}\.\d\.\d(?:/{_CLOCK})?"
_RULE = re.compile(rf"{_NAME}({_CLOCK})(?:{_NAME}({_CLOCK})?,({_DAY}),({_DAY}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Change:
    """When clocks change each year: at ``seconds`` after the midnight that begins the n-th such weekday of a month.

    Attributes:
        month: 1 to 12.
        week: 1 to 5; 5 is the last.
        weekday: 0 is Sunday.
        seconds: by the clocks as they are before the change; may be negative or more than a day.
    """

    month: int
    week: int
    weekday: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Zone:
    """How far clocks are ahead of UTC.

    Attributes:
        standard_seconds: in standard time.
        daylight_seconds: in daylight saving time.
        start, end: of daylight saving time each year; None where there is none.
    """

    standard_seconds: int = 0
    daylight_seconds: int = 0
    start: Change | None = None
    end: Change | None = None

    def local_seconds(self, utc_seconds: int) -> int | None:
        """What clocks show, as seconds since 1970 by their own reckoning; None outside the years 2 to 9998."""
        if not _FIRST_SECONDS <= utc_seconds < _END_SECONDS:
            return None
        if self.start is None or self.end is None:
            return utc_seconds + self.standard_seconds
        standard = utc_seconds + self.standard_seconds
        year = date.fromordinal(standard // DAY_SECONDS + _EPOCH_DAY).year
        start, end = _daylight(self.start, self.end, year)
        start, end = start - self.standard_seconds, end - self.daylight_seconds
        saving = start <= utc_seconds < end if start < end else not end <= utc_seconds < start
        return utc_seconds + (self.daylight_seconds if saving else self.standard_seconds)


UTC = Zone()


@lru_cache(maxsize=1_024)
def _daylight(start: Change, end: Change, year: int) -> tuple[int, int]:
    """When it begins and ends in a year, in seconds since 1970 by the clocks before each change."""
    return _moment(start, year), _moment(end, year)


def _moment(change: Change, year: int) -> int:
    first = date(year, change.month, 1)
    day = 1 + (change.weekday - first.isoweekday()) % 7 + (change.week - 1) * 7
    following = date(year + change.month // 12, change.month % 12 + 1, 1)
    while day > (following - first).days:  # at most once: the fifth of a month that has four
        day -= 7
    return (first.toordinal() + day - 1 - _EPOCH_DAY) * DAY_SECONDS + change.seconds


@lru_cache(maxsize=256)
def zone_of(rule: str) -> Zone | None:
    """The zone that a POSIX rule describes; None when the text is none (days of the year, ``J60``, are not read)."""
    found = _RULE.fullmatch(rule) if len(rule) <= MAX_RULE_CHARACTERS else None
    if found is None:
        return None
    offset, daylight, start, end = found.groups()
    standard = -_seconds(offset)
    if start is None:
        return Zone(standard, standard)
    saving = standard + HOUR_SECONDS if daylight is None else -_seconds(daylight)
    first, last = _change(start), _change(end)
    if first is None or last is None:
        return None
    return Zone(standard, saving, first, last)


def _change(text: str) -> Change | None:
    day, _, clock = text.removeprefix("M").partition("/")
    month, week, weekday = map(int, day.split("."))
    if not 1 <= month <= 12 or not 1 <= week <= 5 or weekday > 6:  # noqa: PLR2004 - a calendar's own limits
        return None
    return Change(month, week, weekday, _seconds(clock) if clock else 2 * HOUR_SECONDS)


def _seconds(clock: str) -> int:
    """``-1:30`` as seconds."""
    hours, minutes, seconds = (*clock.lstrip("+-").split(":"), "0", "0")[:3]
    total = int(hours) * HOUR_SECONDS + int(minutes) * 60 + int(seconds)
    return -total if clock.startswith("-") else total
