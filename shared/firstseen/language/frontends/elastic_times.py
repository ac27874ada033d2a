"""Elastic's way of writing times that are relative to now, and its durations."""

from __future__ import annotations

import re

SECOND_US = 1_000_000
UNITS_US = {
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3_600 * SECOND_US,
    "H": 3_600 * SECOND_US,
    "d": 86_400 * SECOND_US,
    "w": 7 * 86_400 * SECOND_US,
    "M": 2_629_746 * SECOND_US,  # the mean month and year of the calendar, as Sigma counts them
    "y": 31_556_952 * SECOND_US,
}
MAX_SPAN_US = 10 * UNITS_US["y"]

_BACK = re.compile(r"now-([0-9]{1,9})([smhHdwMy])")
_DURATION = re.compile(r"([0-9]{1,9})([smhHdwMy])")


def back_us(text: str) -> int | None:
    """How long before now ``now-7d`` is, in microseconds; None for any other way to write a time."""
    return _span(_BACK, text)


def duration_us(text: str) -> int | None:
    """How long ``5m`` is, in microseconds; None for what is no duration."""
    return _span(_DURATION, text)


def _span(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.fullmatch(text)
    span = int(found[1]) * UNITS_US[found[2]] if found else 0
    return span if 0 < span <= MAX_SPAN_US else None
