"""Times as Azure's logs write them: ISO 8601 with seven digits mostly, and what some services write instead.

``11/14/2025 1:48:53 AM`` and ``01/09/2007 09:41:00`` occur in diagnostic settings: .NET's invariant culture, month
first. The month is never guessed from the size of the numbers: with a month of 13 the time is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from firstseen.sources.times import Time, read_time

_NOON = 12

_LOCAL = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2})(\.\d{1,9})?(?: ([AaPp])[Mm])?(?: ?(Z|[+-]\d{2}:\d{2}))?",
    re.ASCII,
)


def read_azure_time(value: object) -> Time | None:
    """The moment that a value means, or None."""
    found = read_time(value)
    if found is not None or not isinstance(value, str):
        return found
    local = _LOCAL.fullmatch(value)
    if local is None:
        return None
    month, day, year, hours, minute, second, fraction, half, zone = local.groups()
    hour = int(hours)
    if half:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half in "Pp" else 0)
    day_text = f"{year}-{int(month):02}-{int(day):02}"
    return read_time(f"{day_text}T{hour:02}:{minute}:{second}{fraction or ''}{zone or ''}")


def chosen(values: Iterable[Any]) -> Any:
    """The first value that is a time; without one, the first that is not null."""
    given = [value for value in values if value is not None]
    if len(given) == 1:
        return given[0]
    return next((value for value in given if read_azure_time(value) is not None), given[0] if given else None)


def time_us(value: object) -> int | None:
    """The moment in microseconds since 1970; further digits are cut off, so that every copy has the same."""
    found = read_azure_time(value)
    return None if found is None else found.us


def time_remarks(value: object) -> tuple[str, ...]:
    """What is odd about an event's time."""
    found = read_azure_time(value)
    if found is None or not isinstance(value, str):
        return ()
    remarks = []
    if "/" in value:
        remarks.append("the time is in a local format: taken as month/day/year")
    if not found.zoned:
        remarks.append("the time names no zone: taken as UTC")
    return tuple(remarks)
