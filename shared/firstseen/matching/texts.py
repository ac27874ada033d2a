"""What is read out of a text form: numbers, time parts, wildcard patterns, regular expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import re2

from firstseen.errors import RuleError
from firstseen.matching.literals import needed
from firstseen.sources.times import read_time

_NUMBER = re.compile(r"[+-]?(?:\d{1,60}(?:\.\d{0,60})?|\.\d{1,60})(?:[eE][+-]?\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,60}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda moment: moment.minute,
    "hour": lambda moment: moment.hour,
    "day": lambda moment: moment.day,
    "week": lambda moment: moment.isocalendar().week,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}
"""Parts of a time, in UTC; ``day`` is the day of the month and ``week`` the ISO week."""


def number_of(text: str) -> float | None:
    """The number that a text reads as (decimal, without spaces, at most 60 digits a part), or None."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def parts_of(texts: Iterable[str], part: str) -> list[str]:
    """That part of each text that reads as a time; the others are dropped."""
    found = []
    for text in texts:
        time = read_time(text)
        if time is not None:
            try:
                moment = _EPOCH + timedelta(microseconds=time.us)
            except OverflowError:  # an offset that leaves the years 1 to 9999
                continue
            found.append(str(PARTS[part](moment)))
    return found


def regex(pattern: str) -> Callable[[str], bool]:
    """A function that searches one text for an RE2 expression. Raises RuleError."""
    return _searching(pattern, pattern, needed(pattern))


def fit(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a whole text fits a pattern of ``*``, ``?`` and backslash escapes. Raises RuleError.

    ``*`` and ``?`` stand for line breaks, too. A backslash before another character stands for itself.
    """
    expression = ["(?s)\\A"]
    for character, text in _pieces(pattern):
        expression.append(_literal(text) if text else ".*" if character == "*" else ".")
    return _searching("".join([*expression, "\\z"]), pattern, literal_of(pattern))


def literal_of(pattern: str) -> str:
    """The longest text that whatever fits the pattern is sure to contain."""
    if "\\" not in pattern:
        return max(pattern.replace("?", "*").split("*"), key=len)
    runs = [""]
    for _, text in _pieces(pattern):
        if text:
            runs[-1] += text
        else:
            runs.append("")
    return max(runs, key=len)


def _pieces(pattern: str) -> Iterator[tuple[str, str]]:
    """Each character of a pattern with the text that it stands for; "" for wildcards."""
    characters = iter(pattern)
    for character in characters:
        if character in "*?":
            yield character, ""
        elif character == "\\":
            after = next(characters, "")
            yield character, after if after in ("*", "?", "\\") else "\\" + after
        else:
            yield character, character


def _literal(text: str) -> str:
    return "".join(one if one.isalnum() or ord(one) > 127 else f"\\x{ord(one):02x}" for one in text)  # noqa: PLR2004


def _searching(expression: str, shown: str, literal: str) -> Callable[[str], bool]:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        search = re2.compile(expression.encode(), options).search
    except (re2.error, UnicodeEncodeError) as exc:
        reason = exc.args[0].decode(errors="replace") if exc.args and isinstance(exc.args[0], bytes) else str(exc)
        msg = f"RE2 cannot take {shown[:200]!r}: {reason}"
        raise RuleError(msg) from exc
    return lambda text: literal in text and search(text.encode()) is not None
