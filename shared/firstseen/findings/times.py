"""Times and lengths of time as people read them. All times are microseconds since 1970, shown in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_UNITS = ((DAY_US, "d"), (HOUR_US, "h"), (MINUTE_US, "m"), (SECOND_US, "s"))


def moment(time_us: int) -> str:
    """``2026-11-20 03:12:45 UTC``; a time that no calendar has is shown as its number."""
    try:
        at = _EPOCH + timedelta(microseconds=time_us)
    except OverflowError:
        return f"{time_us} µs since 1970"
    return at.replace(tzinfo=None).isoformat(" ", "seconds") + " UTC"


def iso(time_us: int) -> str:
    """``2026-11-20T03:12:45Z``, with the fraction if there is one; "" for a time that no calendar has."""
    try:
        at = _EPOCH + timedelta(microseconds=time_us)
    except OverflowError:
        return ""
    return at.replace(tzinfo=None).isoformat() + "Z"


def span(length_us: int) -> str:
    """A length as rules write it, exactly: ``7d``, ``90m``, ``1d12h``; ``0s`` for nothing."""
    left, parts = length_us, []
    for unit_us, letter in _UNITS:
        number, left = divmod(left, unit_us)
        if number:
            parts.append(f"{number}{letter}")
    return "".join(parts) or "0s"


def about(length_us: int) -> str:
    """A length as people say it, rounded down to its largest unit: ``97 days``, ``1 hour``."""
    for unit_us, name in ((DAY_US, "day"), (HOUR_US, "hour"), (MINUTE_US, "minute")):
        number = length_us // unit_us
        if number:
            return f"{number} {name}" + ("s" if number > 1 else "")
    return "less than a minute"
