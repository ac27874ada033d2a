"""Yes and no, as logs and what passes them on write them: true, "true", "True", "yes". Anything else is neither."""

from __future__ import annotations

from typing import Any

_YES = frozenset(("true", "yes"))
_NO = frozenset(("false", "no"))


def _word(value: Any) -> str:
    return str(value).strip().casefold() if isinstance(value, str | bool) else ""


def is_yes(value: Any) -> bool:
    """Whether the value says yes."""
    return _word(value) in _YES


def is_no(value: Any) -> bool:
    """Whether the value says no."""
    return _word(value) in _NO
