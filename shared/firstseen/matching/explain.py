"""Why a rule holds for an event, or does not: its tree with each answer and the values that it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firstseen.language.predicates import MAX_DEPTH, And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Vocabulary
from firstseen.matching.evaluate import found_at, holds
from firstseen.matching.questions import resolve
from firstseen.sources.source import Source, View

MAX_SHOWN_VALUES = 10
MAX_SHOWN_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Explained:
    """One node of a rule's tree on one event.

    Attributes:
        kind: what the node is.
        holds: its answer; None when it could not be decided.
        parts: the nodes below it.
        leaf: for leaves, the question as the rule asks it.
        values: for leaves, the text forms that were compared, cut to what can be read; none for keywords.
        more: how many values more there were.
        error: why it could not be decided.
    """

    kind: Literal["and", "or", "not", "leaf"]
    holds: bool | None
    parts: tuple[Explained, ...] = ()
    leaf: Leaf | None = None
    values: tuple[str, ...] = ()
    more: int = 0
    error: str = ""


def explain(base: Base, source: Source, view: View) -> Explained:
    """The rule's tree with its answers on this event. Raises RuleError on a rule that cannot be compiled."""
    resolve(base.predicate, source, base.vocabulary)  # the depth is checked here
    return _explained(base.predicate, source, base.vocabulary, view, 0)


def _explained(tree: Predicate, source: Source, vocabulary: Vocabulary, view: View, depth: int) -> Explained:
    if isinstance(tree, Leaf) or depth > MAX_DEPTH:
        return _leaf(tree, source, vocabulary, view)
    own = (tree.part,) if isinstance(tree, Not) else tree.parts
    parts = tuple(_explained(part, source, vocabulary, view, depth + 1) for part in own)
    answers = [part.holds for part in parts]
    match tree:
        case Not():
            return Explained("not", None if answers[0] is None else not answers[0], parts)
        case And():
            return Explained("and", False if False in answers else None if None in answers else True, parts)
        case Or():
            return Explained("or", True if True in answers else None if None in answers else False, parts)


def _leaf(leaf: Predicate, source: Source, vocabulary: Vocabulary, view: View) -> Explained:
    shown = leaf if isinstance(leaf, Leaf) else None
    try:
        found = _values(shown, source, vocabulary, view)
        answer = holds(resolve(leaf, source, vocabulary), view)
    except Exception as exc:  # noqa: BLE001 - it is what the reader wants to see
        error = f"{type(exc).__name__}: {exc}"[:MAX_SHOWN_CHARACTERS]
        return Explained("leaf", None, leaf=shown, error=error)
    values = tuple(text[:MAX_SHOWN_CHARACTERS] for text in found[:MAX_SHOWN_VALUES])
    return Explained("leaf", answer, leaf=shown, values=values, more=len(found) - len(values))


def _values(leaf: Leaf | None, source: Source, vocabulary: Vocabulary, view: View) -> list[str]:
    if leaf is None or leaf.field is None:
        return []
    return found_at(source.accessor(leaf.field, vocabulary=vocabulary), view)
