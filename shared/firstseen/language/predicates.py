"""The predicate tree: what a base rule asks of one event.

One tree stands behind every front end, one compiler after it. A tree is plain frozen data. Trees are built by
the front ends, simplified here, written into packs and compiled by :mod:`firstseen.matching`. Meanings are
written down in ``docs/semantics.md`` and held by ``tests/conformance/predicates``. Trees are structs of msgspec's,
not dataclasses: a pack has thousands, made at each start of a function.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from firstseen.errors import RuleError

MAX_DEPTH = 64
MAX_LEAVES = 200_000

Op = Literal[
    "equals",  # the value's text form equals `value`; a number or boolean in a rule equals its text form
    "contains", "startswith", "endswith",  # plain text, no wildcards left in `value`
    "like",  # `value` is a pattern: `*` any run, `?` one character, backslash escapes either and itself
    "regex",  # `value` is an RE2 expression, searched, not anchored; its flags stand in it: (?i), (?s), (?m)
    "cidr",  # `value` is a network; values that are no addresses do not match
    "lt", "lte", "gt", "gte",  # numbers, and text that reads as a number
    "exists",  # the field is present, null or not empty included; `value` True or False
    "null",  # absent, null, [] or a list of nulls; not the empty string
    "present",  # the negation of `null`: what `*` asks
    # the value equals, starts with, ends with, contains the value of the *field* named by `value`:
    "same_as", "same_start", "same_end", "same_part",
]  # fmt: skip

OPS: frozenset[str] = frozenset(Op.__args__)  # type: ignore[attr-defined]
PARTS = frozenset({"minute", "hour", "day", "week", "month", "year"})
"""The parts of a time that a leaf may compare."""

_NO_VALUE = frozenset({"null", "present"})
_NUMBERS = frozenset({"lt", "lte", "gt", "gte"})
_TEXTS = OPS - _NO_VALUE - _NUMBERS - {"exists"}


class Leaf(msgspec.Struct, frozen=True):
    """One question about one field, or about every value of the event when ``field`` is None (keywords).

    Attributes:
        field: a dotted name, resolved against the source when a pack is compiled; None for keywords.
        op: the question.
        value: what is asked for; see :data:`Op`.
        cased: whether upper and lower case differ (Sigma: no; KQL keyword fields and ``|cased``: yes).
        part: a time part of the value is compared in its place: ``minute``, ``hour``, ``day``, ``week``,
            ``month``, ``year`` (Sigma's time modifiers); None for the value itself.
    """

    field: str | None
    op: Op
    value: str | int | float | bool | None = None
    cased: bool = False
    part: str | None = None


class And(msgspec.Struct, frozen=True):
    """True when every part is; empty: always true."""

    parts: tuple[Predicate, ...]


class Or(msgspec.Struct, frozen=True):
    """True when any part is; empty: never true."""

    parts: tuple[Predicate, ...]


class Not(msgspec.Struct, frozen=True):
    """Two-valued: a missing field makes the part false and its negation true."""

    part: Predicate


Predicate = Leaf | And | Or | Not

ALWAYS = And(())
NEVER = Or(())


def to_data(tree: Predicate) -> list[Any]:
    """The tree as JSON data.

    ``["and", …]``, ``["or", …]``, ``["not", x]``, ``["leaf", field, op, value, cased, part]``.
    """
    match tree:
        case And(parts):
            return ["and", *map(to_data, parts)]
        case Or(parts):
            return ["or", *map(to_data, parts)]
        case Not(part):
            return ["not", to_data(part)]
        case Leaf(field, op, value, cased, part):
            return ["leaf", field, op, value, cased, part]


def from_data(data: Any, depth: int = 0) -> Predicate:  # noqa: ANN401 - data from a pack is checked here
    """The tree that :func:`to_data` wrote. Raises RuleError on anything else: a pack may be anybody's."""
    if depth > MAX_DEPTH:
        msg = f"a predicate is nested deeper than {MAX_DEPTH} levels"
        raise RuleError(msg)
    kind = data[0] if isinstance(data, list) and data else None
    if kind == "leaf":
        leaf = leaf_of(data)
        if leaf is not None:
            return leaf
    elif kind == "and":
        return And(tuple([from_data(part, depth + 1) for part in data[1:]]))
    elif kind == "or":
        return Or(tuple([from_data(part, depth + 1) for part in data[1:]]))
    elif kind == "not" and len(data) == len(("not", "part")):
        return Not(from_data(data[1], depth + 1))
    msg = f"not a predicate: {str(data)[:80]}"
    raise RuleError(msg)


def leaf_of(data: list[Any]) -> Leaf | None:
    """The leaf, or None when these are not its parts. Comparing types is a fifth of the time of a pattern."""
    if len(data) != len(("leaf", *Leaf.__struct_fields__)):
        return None
    _, field, op, value, cased, part = data
    sound = (
        (field is None or type(field) is str)
        and type(op) is str
        and type(cased) is bool
        and (part is None or (type(part) is str and part in PARTS))
        and _fits(op, value)
    )
    return Leaf(field, op, value, cased, part) if sound else None


def _fits(op: str, value: object) -> bool:
    """Whether ``value`` is of the kind that ``op`` compares with."""
    if type(value) is str:
        return op in _TEXTS
    if op == "equals":
        return isinstance(value, int | float)
    if op in _NO_VALUE:
        return value is None
    if op in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return op == "exists" and isinstance(value, bool)


def conjunction(*parts: Predicate) -> Predicate:
    """``And`` of the parts, flattened; a single part stands alone."""
    return _joined(And, parts)


def disjunction(*parts: Predicate) -> Predicate:
    """``Or`` of the parts, flattened; a single part stands alone."""
    return _joined(Or, parts)


def _joined(kind: type[And | Or], parts: tuple[Predicate, ...]) -> Predicate:
    distinct: dict[object, Predicate] = {}
    for part in parts:
        for one in part.parts if isinstance(part, kind) else (part,):
            distinct.setdefault(_identity(one), one)
    flat = tuple(distinct.values())
    return flat[0] if len(flat) == 1 else kind(flat)


def _identity(part: Predicate) -> object:
    """Equal for equal parts only: to Python ``Leaf("a", "equals", 1)`` equals ``… True)``, to a rule not."""
    return (part, type(part.value)) if isinstance(part, Leaf) else repr(part)


def simplify(tree: Predicate) -> Predicate:
    """A tree that is true of the same events, without constants inside, repetitions and ``not not``.

    Alternatives of one field stay as they are written: the compiler makes sets of them. Raises RuleError on
    a tree that is nested deeper than :data:`MAX_DEPTH` or has more than :data:`MAX_LEAVES` leaves.
    """
    simple = _simplified(tree, 0)
    leaves = count_leaves(simple)
    if leaves > MAX_LEAVES:
        msg = f"the rule has {leaves:,} conditions, more than {MAX_LEAVES:,}: split it"
        raise RuleError(msg)
    return simple


def count_leaves(tree: Predicate) -> int:
    """How many leaves the tree has, repetitions included."""
    match tree:
        case And(parts) | Or(parts):
            return sum(map(count_leaves, parts))
        case Not(part):
            return count_leaves(part)
        case Leaf():
            return 1


def _simplified(tree: Predicate, depth: int) -> Predicate:
    if depth > MAX_DEPTH:
        msg = f"a predicate is nested deeper than {MAX_DEPTH} levels"
        raise RuleError(msg)
    match tree:
        case Leaf():
            return tree
        case Not(part):
            return _negated(_simplified(part, depth + 1))
        case And(parts):
            return _folded(And, [_simplified(part, depth + 1) for part in parts])
        case Or(parts):
            return _folded(Or, [_simplified(part, depth + 1) for part in parts])


def _negated(part: Predicate) -> Predicate:
    match part:
        case Not(inner):
            return inner
        case And(()):
            return NEVER
        case Or(()):
            return ALWAYS
    return Not(part)


def _folded(kind: type[And | Or], parts: list[Predicate]) -> Predicate:
    """``kind`` of simplified parts; one that decides alone (*never* in an *and*) takes the place of all."""
    deciding = NEVER if kind is And else ALWAYS
    if deciding in parts:
        return deciding
    return _joined(kind, tuple(parts))
