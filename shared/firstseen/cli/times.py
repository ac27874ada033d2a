"""Times and spans as people type them: ``2026-10-01T12:00:00Z``, ``30d``, ``90m``."""

from __future__ import annotations

import re

from firstseen.errors import SettingsError
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from firstseen.sources.times import parse_time

MAX_DIGITS = 6
_UNITS = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US, "w": 7 * DAY_US}
_SPAN = re.compile(rf"(\d{{1,{MAX_DIGITS}}})([smhdw])")


def span_us(option: str, text: str) -> int:
    """A span such as ``30d`` in microseconds, more than nothing. Raises SettingsError that names the option."""
    found = _SPAN.fullmatch(text.strip())
    length_us = int(found[1]) * _UNITS[found[2]] if found else 0
    if not length_us:
        msg = f"{option} {text!r}: not a span of time; write a number and a unit, like 45m, 12h, 30d or 4w"
        raise SettingsError(msg)
    return length_us


def moment_us(option: str, text: str, now_us: int) -> int:
    """A time, or a span before ``now_us``, in microseconds since 1970. Raises SettingsError that names the option."""
    if _SPAN.fullmatch(text.strip()):
        return now_us - span_us(option, text)
    parsed = parse_time(text if "T" in text else f"{text}T00:00:00Z")
    if parsed is None:
        msg = f"{option} {text!r}: write a time, 2026-10-01 or 2026-10-01T12:00:00Z, or 7d for a week ago"
        raise SettingsError(msg)
    return parsed
