"""From bytes to views: JSON as orjson reads it, and a tolerant way for what other writers let through.

An attacker chooses strings that end up in audit logs. A string that one JSON reader refuses must not hide the
event it stands in, so lone surrogates, bytes that are no UTF-8, NaN, Infinity and raw control characters are
read too, in a slower way. What cannot be read by any means is a reject.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeGuard

import orjson

from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from firstseen.sources.source import View

MAX_DEPTH = 250
"""Levels of objects and arrays in one event: any view up to it can be written back as JSON (orjson ends at
254).
"""

_MAX_INTEGER_DIGITS = 20
_SHOWN_CHARACTERS = 60


def rejected(reason: str, raw: bytes, place: int = 0) -> Reject:
    """A reject that keeps as much of ``raw`` as a queue message holds."""
    return Reject(reason, bytes(raw[:MAX_REJECT_BYTES]), place)


def shown(value: object) -> str:
    """A value from an event, for a message: short, in quotes, without line breaks or terminal codes."""
    if isinstance(value, str):
        cut = value[:_SHOWN_CHARACTERS]
        return json.dumps(cut) + ("…" if len(value) > len(cut) else "")
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return "an object" if isinstance(value, dict) else "an array"


def value_of(raw: bytes) -> Any:
    """The JSON value in ``raw``, of any type; a :class:`Reject` when there is none, or it is nested too
    deep.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        value = _tolerant(raw, exc)
    # The number of brackets bounds the depth: nearly every event is cleared without a walk.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        return rejected(f"nested deeper than {MAX_DEPTH} levels: no audit log is, look at where it comes from", raw)
    return value


def view_of(raw: bytes) -> View | Reject:
    """The JSON object in ``raw``, or the reason why there is none."""
    value = value_of(raw)
    if isinstance(value, Reject) or is_view(value):
        return value
    return rejected(f"a JSON object is expected, this is {shown(value)}", raw)


def is_view(value: object) -> TypeGuard[View]:
    """Whether the value is a JSON object."""
    return isinstance(value, dict)


def _tolerant(raw: bytes, refusal: orjson.JSONDecodeError) -> Any:
    try:
        value = json.loads(
            raw.decode("utf-8-sig", "replace"),
            strict=False,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=lambda _name: None,
        )
        text = json.dumps(value, ensure_ascii=False)
        repaired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return orjson.loads(repaired)
    except RecursionError:
        return rejected(f"nested deeper than {MAX_DEPTH} levels: no audit log is, look at where it comes from", raw)
    except ValueError:
        return rejected(f"not JSON: {refusal.msg} at character {refusal.pos + 1}", raw)


def _integer(text: str) -> int | float | None:
    return int(text) if len(text) <= _MAX_INTEGER_DIGITS else _finite(text)


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
