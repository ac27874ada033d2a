"""Values of an event, and their text forms: one meaning for matching, key extraction and explanations.

A place in an event gives any number of values, because a list anywhere on the way means any element. Every question of
the rule language is asked of a value's *text form* (``docs/semantics.md``), so that a number in a rule equals the same
number written as text in an event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from firstseen.errors import FirstseenError
from firstseen.sources.source import Accessor, Derived, Path, View

MAX_VALUES = 100_000
"""What one place, or one keyword search, may visit in one event."""


class TooManyValuesError(FirstseenError):
    """A place in an event holds more than :data:`MAX_VALUES` values: the rule cannot be decided there."""


def fold(text: str) -> str:
    """``text`` with upper and lower case made equal: Unicode's *simple* case folding, one character for one.

    It is the rule that RE2's ``(?i)`` follows, so every question agrees on it: ``K`` (Kelvin) equals ``k``, ``ſ``
    equals ``s``, ``ẞ`` equals ``ß``; ``ß`` is not ``ss``, and neither ``İ`` nor ``ı`` is ``i``.
    """
    folded = text.casefold()
    if len(folded) == len(text):  # full folding only ever lengthens, so nothing was expanded
        return folded
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def text_of(value: Any) -> str:  # noqa: ANN401 - a value of a view
    """The text form of one value that is neither null nor a list.

    Text is itself, booleans are ``true`` and ``false``, numbers are written as JSON has them, objects are compact
    JSON in the event's own key order.
    """
    if isinstance(value, str):
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # numbers beyond 64 bits or very deep, from the tolerant reader only
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def reached(root: Any, path: Path, start: int = 0) -> list[Any]:  # noqa: ANN401 - a value of a view
    """What lies at ``path[start:]`` below ``root``: values as they stand, nulls and lists included; [] means absent.

    Raises TooManyValuesError.
    """
    items = [root]
    for key in path[start:]:
        below = []
        for item in items:
            if isinstance(item, dict):
                if key in item:
                    below.append(item[key])
            elif isinstance(item, list):
                below.extend(one[key] for one in flat(item) if isinstance(one, dict) and key in one)
            if len(below) > MAX_VALUES:
                raise _too_many(path)
        if not below:
            return below
        items = below
    return items


def flat(items: Sequence[Any]) -> Iterator[Any]:
    """The elements of a list and of the lists in it, in order. Raises TooManyValuesError."""
    waiting = [iter(items)]
    count = 0
    while waiting:
        for item in waiting[-1]:
            count += 1
            if count > MAX_VALUES:
                raise _too_many(())
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            yield item
        else:
            waiting.pop()


def texts(values: Iterable[Any]) -> list[str]:
    """The text forms of what :func:`reached` gives: lists opened, nulls dropped. Raises TooManyValuesError."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            found.extend(text_of(one) for one in flat(value) if one is not None)
        elif value is not None:
            found.append(text_of(value))
        if len(found) > MAX_VALUES:
            raise _too_many(())
    return found


def reach(view: View, accessor: Accessor) -> list[Any]:
    """What an accessor finds in a view; see :func:`reached`. A derived name that has no value is absent."""
    if isinstance(accessor, Derived):
        value = accessor.function(view)
        return [] if value is None else [value]
    return reached(view, accessor)


def text_values(view: View, accessor: Accessor) -> list[str]:
    """The text forms of all values at a place, in order: nulls dropped, lists opened. Raises TooManyValuesError."""
    return texts(reach(view, accessor))


def leaf_texts(root: Any) -> list[str]:  # noqa: ANN401 - a value of a view
    """The text forms of every text, number and boolean anywhere in ``root``: what keywords search.

    Names are not among them. Raises TooManyValuesError.
    """
    found: list[str] = []
    waiting = [root]
    count = 0
    while waiting:
        item = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            raise _too_many(())
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif item is not None:
            found.append(text_of(item))
    return found


def _too_many(path: Path) -> TooManyValuesError:
    place = ".".join(path) or "the event"
    return TooManyValuesError(f"more than {MAX_VALUES} values at {place[:200]}")
