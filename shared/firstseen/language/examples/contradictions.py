"""Whether two conditions surely contradict each other, when a search found no event for both.

A search proposes some of the endlessly many values. That it found none proves something only where one of
the two conditions leaves no choice: a value that is given, or none at all. All else is a suspicion.
"""

from __future__ import annotations

from firstseen.language.examples.literals import Literal
from firstseen.language.predicates import Leaf


def surely_contradict(one: Literal, other: Literal) -> bool:
    """For two literals about one field, of which the search could not meet both."""
    if one.field != other.field or one.field is None or _parts(one) != _parts(other):
        return False
    return _leaves_no_choice(one, other) or _leaves_no_choice(other, one) or _apart(one, other)


def _parts(literal: Literal) -> set[str | None]:
    return {leaf.part for leaf in literal.leaves}


def _leaves_no_choice(one: Literal, other: Literal) -> bool:
    """Whether ``one`` allows nothing but given values, or nothing at all, as far as ``other`` can tell."""
    if not one.wanted:
        return any(leaf.op == "present" or (leaf.op == "exists" and leaf.value is not False) for leaf in one.leaves)
    tells_case = any(leaf.op == "regex" or leaf.cased for leaf in other.leaves)
    return all(
        leaf.op == "null"
        or (leaf.op == "exists" and leaf.value is False)
        or (leaf.op == "equals" and (leaf.cased or not tells_case or not _has_case(leaf)))
        for leaf in one.leaves
    )


def _has_case(leaf: Leaf) -> bool:
    text = str(leaf.value)
    return text.lower() != text.upper()


def _apart(one: Literal, other: Literal) -> bool:
    """Whether the one wants numbers above a bound that the other wants them below."""
    return any(_above(low) >= _below(high) for low, high in ((one, other), (other, one)))


def _above(literal: Literal) -> float:
    """What numbers must be above; minus infinity when the literal does not say."""
    bounds = [leaf.value for leaf in literal.leaves if leaf.op in ("gt", "gte")]
    return _bound(bounds, literal, otherwise=float("-inf"))


def _below(literal: Literal) -> float:
    bounds = [leaf.value for leaf in literal.leaves if leaf.op in ("lt", "lte")]
    return _bound(bounds, literal, otherwise=float("inf"))


def _bound(bounds: list[str | int | float | bool | None], literal: Literal, *, otherwise: float) -> float:
    if literal.wanted and len(bounds) == len(literal.leaves) == 1 and isinstance(bounds[0], int | float):
        return bounds[0]
    return otherwise
