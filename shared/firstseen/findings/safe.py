"""Text from events, made safe to show: whoever made the event chose every character of it.

One function, :func:`safe_text`, stands between a finding and every terminal, e-mail and chat. It keeps ids
whole: it never rewrites a visible character, so what is shown can be searched for.
"""

from __future__ import annotations

import unicodedata

_DANGEROUS = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
"""Controls (escape sequences, line breaks), formats (bidi, zero width, tags), surrogates, private,
unassigned, spaces that are not the space."""

_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters, marks and symbols that show nothing."""

MAX_MARKS = 2
"""Combining marks shown on one letter; more would climb over other lines."""


def safe_text(value: str, limit: int = 300) -> str:
    r"""``value`` on one line, without anything that a display obeys, at most ``limit`` characters.

    What could do harm is shown as its escape (``\x1b``, ``\u202e``), so that it is seen and not obeyed.
    What is cut is said: ``…(+120)`` counts the characters left out and comes on top of the limit.
    """
    if value.isascii() and value.isprintable() and len(value) <= limit:
        return value
    shown: list[str] = []
    length = marks = taken = 0
    for char in value[:limit]:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        piece = _escaped(char) if _is_harmful(char) or marks > MAX_MARKS else char
        if length + len(piece) > limit:
            break
        shown.append(piece)
        length += len(piece)
        taken += 1
    left = len(value) - taken
    return "".join(shown) + (f"…(+{left})" if left else "")


def _is_harmful(char: str) -> bool:
    if char == " " or "\x21" <= char <= "\x7e":
        return False
    return unicodedata.category(char) in _DANGEROUS or char in _BLANK or _is_variation(char)


def _is_variation(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\u180b" <= char <= "\u180f" or char >= "\U000e0100"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def encodable(value: str) -> str:
    """``value`` with lone surrogates replaced by U+FFFD, so that it can be written as UTF-8."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
