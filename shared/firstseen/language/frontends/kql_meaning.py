"""What a KQL query asks of an event: its tree as a predicate over ECS names.

Elastic keeps nearly every field of an audit log as a *keyword*: values compare as a whole, and case counts. Free text,
which Elastic looks for word by word, is found anywhere in any value, regardless of case: a wider net, so that nothing
is missed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import partial
from typing import Protocol

from firstseen.language.frontends.kql import KqlError
from firstseen.language.frontends.kql_tree import AllOf, AnyOf, Asked, Compared, Negation, Nested, Node, Text
from firstseen.language.predicates import ALWAYS, Leaf, Not, Op, Predicate, conjunction, disjunction

MAX_LISTED_NAMES = 200
"""Of the fields that one name with wildcards stands for."""

_SIGNS: dict[str, Op] = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_MOST_EXACT_DIGITS = 18


class KqlRefused(KqlError):  # noqa: N818 - a decision about a query, not a fault of it
    """A query that is right but asks what firstseen does not answer; the message says why."""


class Names(Protocol):
    """What a field's name with wildcards stands for."""

    def matching(self, pattern: Text) -> tuple[str, ...]:
        """The names, ordered. Raises KqlRefused when they cannot be listed, or there are none."""
        ...

    def is_open(self, field: str) -> bool:
        """Whether a field is an object that may hold anything below it."""
        ...


class AsWritten:
    """Leaves wildcards in names as they are: what fingerprints cover, so that tables of names may grow."""

    def matching(self, pattern: Text) -> tuple[str, ...]:
        """The pattern as its only name."""
        return ("*".join(pattern.pieces),)

    def is_open(self, field: str) -> bool:
        """Never: nothing is refused here."""
        del field
        return False


def predicate_of(tree: Node, names: Names) -> Predicate:
    """What the tree asks. Raises KqlError with the place; KqlRefused when the query is right but not answered."""
    match tree:
        case AllOf(parts):
            return conjunction(*(predicate_of(part, names) for part in parts))
        case AnyOf(parts):
            return disjunction(*(predicate_of(part, names) for part in parts))
        case Negation(part):
            return Not(predicate_of(part, names))
        case Asked(name, values):
            if name is None:
                return _listed(values, _anywhere)
            return _of_fields(name, values, names)
        case Compared(name, sign, bound):
            return _compared(name, sign, bound, names)
        case Nested(name, _):
            msg = (
                "conditions on one object of a list ('field: { … }') are for fields that Elastic keeps as nested; "
                "the logs that firstseen reads have none"
            )
            raise KqlRefused(msg, name.at)
        case Text():
            return _anywhere(tree)


def _of_fields(name: Text, values: Node, names: Names) -> Predicate:
    if name.anything:
        return _listed(values, _anywhere)
    fields = (name.plain,) if name.plain is not None else names.matching(name)
    return disjunction(*(_listed(values, partial(_valued, field, names)) for field in fields))


def _listed(values: Node, one: Callable[[Text], Predicate]) -> Predicate:
    """A value, or a list of values, each of which ``one`` makes a predicate of."""
    match values:
        case Text():
            return one(values)
        case AllOf(parts):
            return conjunction(*(_listed(part, one) for part in parts))
        case AnyOf(parts):
            return disjunction(*(_listed(part, one) for part in parts))
        case Negation(part):
            return Not(_listed(part, one))
    msg = f"a value list holds values only, not {type(values).__name__}"
    raise TypeError(msg)  # the grammar does not give it


def _anywhere(text: Text) -> Predicate:
    """Free text: found in any value; ``*`` is every event."""
    if text.anything or text.plain == "":
        return ALWAYS
    return _worded(None, ("", *text.pieces, ""), cased=False)


def _valued(field: str, names: Names, text: Text) -> Predicate:
    """One value of one field."""
    if text.anything:
        return Leaf(field, "present")
    _check_closed(field, names, text.at)
    if text.plain is not None and field.endswith(".ip"):
        return _address(field, text.plain)
    return _worded(field, text.pieces, cased=True)


def _check_closed(field: str, names: Names, at: int) -> None:
    if names.is_open(field):
        msg = f"{field} stands for every value below it: name the field that the rule means"
        raise KqlRefused(msg, at)


def _address(field: str, text: str) -> Leaf:
    """An address or a network; Elastic compares addresses, not their texts."""
    if "/" in text or ":" in text:
        try:
            return Leaf(field, "cidr", str(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            pass  # no address: as text it matches nothing, here as there
    return Leaf(field, "equals", text, cased=True)


def _worded(field: str | None, pieces: tuple[str, ...], *, cased: bool) -> Leaf:
    """The plainest question that asks the same as a text with wildcards."""
    first, *middle, last = pieces if len(pieces) > 1 else (pieces[0], "")
    inner = [piece for piece in middle if piece]
    if len(pieces) == 1:
        return Leaf(field, "equals", first, cased)
    if not inner and not last:
        return Leaf(field, "startswith", first, cased)
    if not inner and not first:
        return Leaf(field, "endswith", last, cased)
    if len(inner) == 1 and not first and not last:
        return Leaf(field, "contains", inner[0], cased)
    return Leaf(field, "like", "*".join(map(_escaped, (first, *inner, last))), cased)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _compared(name: Text, sign: str, bound: Text, names: Names) -> Predicate:
    number = _number(bound.plain or "")
    if number is None:
        msg = (
            "ranges compare numbers here; Elastic compares dates, addresses and words as well, "
            "which the rules of an audit log seldom need: write a number, or a value with wildcards"
        )
        raise KqlRefused(msg, bound.at)
    if name.anything:
        msg = "a range needs a field: '*' stands for all of them"
        raise KqlRefused(msg, name.at)
    fields = (name.plain,) if name.plain is not None else names.matching(name)
    for field in fields:
        _check_closed(field, names, name.at)
    return disjunction(*(Leaf(field, _SIGNS[sign], number) for field in fields))


def _number(text: str) -> int | float | None:
    """The number that the text writes, or None."""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("-").isdigit() and len(text) <= _MOST_EXACT_DIGITS else float(text)
