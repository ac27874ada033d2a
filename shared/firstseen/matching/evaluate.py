"""Walking a resolved tree over one event: the careful way, for odd events, failing rules and explanations."""

from __future__ import annotations

from functools import lru_cache

from firstseen.matching.many import Many, Test
from firstseen.matching.questions import PRESENCE, SAME, All, Opposite, Question, Some, Tree, prepared
from firstseen.matching.texts import parts_of
from firstseen.matching.values import MAX_VALUES, TooManyValuesError, fold, leaf_texts, reach, texts
from firstseen.sources.source import Accessor, View


def holds(tree: Tree, view: View) -> bool:
    """Whether the tree is true of the event. Raises what a question raises."""
    match tree:
        case All(parts):
            return all(holds(part, view) for part in parts)
        case Some(parts):
            return any(holds(part, view) for part in parts)
        case Opposite(part):
            return not holds(part, view)
        case Question():
            return asked(tree, view)


def asked(question: Question, view: View) -> bool:
    """The answer to one question."""
    if question.op == "exists":
        return bool(reach(view, question.place)) if question.place is not None else bool(view)
    found = found_at(question.place, view)
    return answer(question, found, found_at(question.other, view) if question.other is not None else [])


def found_at(place: Accessor | None, view: View) -> list[str]:
    """The text forms at a place, or of the whole event."""
    return leaf_texts(view) if place is None else texts(reach(view, place))


def answer(question: Question, found: list[str], other: list[str]) -> bool:
    """The answer for the text forms ``found``; ``other`` are those of the place to compare with."""
    if question.op in PRESENCE:
        return bool(found) is (question.op == "exists")
    if question.part is not None:
        found = parts_of(found, question.part)
    if question.folded:
        found = list(map(fold, found))
    if question.op in SAME:
        return same(question.op, found, list(map(fold, other)) if question.folded else other)
    return any(map(prepared(question) if isinstance(question.values, Many) else _test(question), found))


@lru_cache(maxsize=4_096)
def _test(question: Question) -> Test:
    return prepared(question)


def same(op: str, found: list[str], other: list[str]) -> bool:
    """Whether any text found equals (starts with, …) any of the other place's. Raises TooManyValuesError."""
    if op == "same_as":
        return not set(found).isdisjoint(other)
    if len(found) * len(other) > MAX_VALUES:
        msg = f"more than {MAX_VALUES} pairs of values to compare"
        raise TooManyValuesError(msg)
    if op == "same_start":
        return any(text.startswith(tuple(other)) for text in found)
    if op == "same_end":
        return any(text.endswith(tuple(other)) for text in found)
    return any(one in text for text in found for one in other)
