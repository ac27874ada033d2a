"""What generated functions call: small, total, and the same for the fast and the slow way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import orjson

from firstseen.matching.evaluate import same
from firstseen.matching.texts import parts_of
from firstseen.matching.values import fold, leaf_texts, reach, reached, text_of, texts


class SlowPathError(Exception):
    """A value that the struct's types did not foresee: the event is to be read in full."""


def decoded(held: msgspec.Raw | None) -> Any:  # noqa: ANN401 - a value of an event, in a list of one; [] if absent
    """What a raw field holds, wrapped in a list; [] when the event lacks it."""
    return [orjson.loads(bytes(held))] if held.__class__ is msgspec.Raw else []


MIN_WORD_CHARACTERS = 5
"""Shorter ones might come from how a number is written ("null" stands for one that is too large)."""


def is_word(text: str) -> bool:
    """Whether a value of a rule is of letters of ASCII only, so that it lies within one text, or one name, of JSON."""
    return len(text) >= MIN_WORD_CHARACTERS and text.isascii() and text.isalpha()


def lowered(held: msgspec.Raw | None) -> str | Literal[False]:
    """A raw field's JSON in lower case. Any word in its text forms is in it; False: it is not so plain.

    A backslash may begin an escape, and letters beyond ASCII have case of their own.
    """
    if type(held) is not msgspec.Raw:
        return ""
    text = str(held, "utf-8")  # it reads the buffer, without a copy in between
    return False if "\\" in text or not text.isascii() else text.lower()


def below(root: list[Any], path: tuple[str, ...], start: int) -> list[Any]:
    """What lies at ``path[start:]`` below a decoded field."""
    return reached(root[0], path, start) if root else root


def derived(
    function: Callable[[Mapping[str, Any]], Any],
    roots: Iterable[tuple[str, list[Any]]],
) -> list[Any]:
    """What a derived name gives, from the keys that it reads."""
    value = function({key: root[0] for key, root in roots if root})
    return [] if value is None else [value]


def moment(function: Callable[[int], Any], when: datetime) -> list[Any]:
    """What a derived name gives at the event's time. Raises SlowPathError where the time may have been rounded up."""
    if not (when.minute or when.second or when.microsecond):
        raise SlowPathError
    value = function(int(when.timestamp()))
    return [] if value is None else [value]


def plain(held: object) -> list[Any]:
    """What a field that is mostly a string holds, in a list; [] if absent. Raises SlowPathError."""
    if held is msgspec.UNSET:
        return []
    if held is None or isinstance(held, (str, bool)):
        return [held]
    raise SlowPathError


def odd(value: Any) -> str:  # noqa: ANN401 - a value of an event
    """The text form of a field that is mostly a string. Raises SlowPathError."""
    if value is True or value is False:
        return text_of(value)
    raise SlowPathError


def scalar_texts(value: object) -> list[str]:
    """The list of text forms of a string, null or absence."""
    return [value] if isinstance(value, str) else []


def fold_all(found: list[str]) -> list[str]:
    """Each text folded."""
    return [fold(text) for text in found]


def holds_some(text: str, values: tuple[str, ...]) -> bool:
    """Whether the text contains one of the values."""
    for value in values:  # noqa: SIM110 - a loop is twice as fast as any() over a generator
        if value in text:
            return True
    return False


def equals_any(found: list[str], values: frozenset[str]) -> bool:
    """Whether any text is one of the values."""
    for text in found:  # noqa: SIM110 - as above
        if text in values:
            return True
    return False


def contains_any(found: list[str], values: tuple[str, ...]) -> bool:
    """Whether any text contains one of the values."""
    for text in found:
        for value in values:
            if value in text:
                return True
    return False


def startswith_any(found: list[str], values: tuple[str, ...]) -> bool:
    """Whether any text starts with one of the values."""
    for text in found:  # noqa: SIM110 - as above
        if text.startswith(values):
            return True
    return False


def endswith_any(found: list[str], values: tuple[str, ...]) -> bool:
    """Whether any text ends with one of the values."""
    for text in found:  # noqa: SIM110 - as above
        if text.endswith(values):
            return True
    return False


def test_any(found: list[str], test: Callable[[str], bool]) -> bool:
    """Whether any text passes the test."""
    for text in found:  # noqa: SIM110 - as above
        if test(text):
            return True
    return False


NAMES: dict[str, object] = {
    "UNSET": msgspec.UNSET, "loads": orjson.loads, "decoded": decoded, "reached": below, "derived": derived,
    "moment": moment,
    "odd": odd, "plain": plain, "reach": reach, "texts": texts, "leaf_texts": leaf_texts, "same": same,
    "scalar_texts": scalar_texts, "lowered": lowered, "fold": fold, "fold_all": fold_all, "parts_of": parts_of,
    "holds_some": holds_some, "equals_any": equals_any, "contains_any": contains_any,
    "startswith_any": startswith_any, "endswith_any": endswith_any, "test_any": test_any,
}  # fmt: skip
"""The names that a generated function may use; they never begin as its own do (a letter and a number)."""
