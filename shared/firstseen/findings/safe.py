"""Text from events, made safe to show: whoever made the event chose every character of it.

One function, :func:`safe_text`, stands between a finding and every terminal, e-mail and chat. It keeps ids
whole: it never rewrites a visible character, so what is shown can be searched for.
"""

from __future__ import annotations

import re
import unicodedata

_DANGEROUS = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
"""Controls (escape sequences, line breaks), formats (bidi, zero width, tags), surrogates, private,
unassigned, spaces that are not the space."""

_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters, marks and symbols that show nothing."""

_OBEYED = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001-\U000e007f]"
)
"""What JSON lets stand as it is, and a display obeys: controls of eight bits, directions, what is unseen."""

MAX_ESCAPE = len("\\U0010ffff")

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


def safe_lines(value: str) -> str:
    """``value`` with its line breaks; each of its lines as :func:`safe_text` shows it, none cut."""
    return "\n".join(safe_text(line, len(line) * MAX_ESCAPE) for line in value.split("\n"))


def safe_json(written: str) -> str:
    r"""JSON that means the same, with what a display would obey as ``\u…``: somebody always looks at it with ``cat``.

    Every character meant here can only stand within a string, where its escape may stand as well.
    """
    return written if written.isascii() and "\x7f" not in written else _OBEYED.sub(_as_json, written)


def _as_json(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


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
