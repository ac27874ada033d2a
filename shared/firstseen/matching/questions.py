"""The resolved tree: a predicate whose names are places in one source's events and whose constants are ready.

A :class:`Question` is one or more leaves that differ only in their value, joined by *or*: a list of a hundred call
names is one question. Trees are compared by value, so that rules which ask the same thing share the answer. They are
structs of msgspec's, not dataclasses: a pack has thousands, and these are made and hashed in a fifth of the time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

import msgspec

from firstseen.errors import RuleError
from firstseen.language.predicates import MAX_DEPTH, And, Leaf, Not, Op, Predicate
from firstseen.language.rules import Vocabulary
from firstseen.matching.texts import PARTS, fit, number_of, regex
from firstseen.matching.values import fold, text_of
from firstseen.sources.source import Accessor, Source

PLAIN: frozenset[Op] = frozenset({"equals", "contains", "startswith", "endswith"})
"""Questions whose values are plain text, and that can hold several of them."""

PRESENCE: frozenset[Op] = frozenset({"exists", "null", "present"})
SAME: frozenset[Op] = frozenset({"same_as", "same_start", "same_end", "same_part"})
ORDER: frozenset[Op] = frozenset({"lt", "lte", "gt", "gte"})


class Question(msgspec.Struct, frozen=True):
    """What is asked of the values at one place.

    Attributes:
        place: where to look; None: every value of the event.
        op: as in :data:`firstseen.language.predicates.Op`, without ``present`` (``not null``).
        values: the texts asked for, any of which will do; folded when ``folded``.
        folded: compare case-folded texts.
        part: the time part that is compared in place of the value.
        bound: for ``lt`` and its kin, the number.
        other: for ``same_as`` and its kin, the place to compare with.
    """

    place: Accessor | None
    op: Op
    values: tuple[str, ...] = ()
    folded: bool = False
    part: str | None = None
    bound: float = 0
    other: Accessor | None = None


class All(msgspec.Struct, frozen=True):
    """True when every part is; empty: always."""

    parts: tuple[Tree, ...]


class Some(msgspec.Struct, frozen=True):
    """True when any part is; empty: never."""

    parts: tuple[Tree, ...]


class Opposite(msgspec.Struct, frozen=True):
    """True when the part is not."""

    part: Tree


Tree = Question | All | Some | Opposite

ALWAYS = All(())
NEVER = Some(())


Places = dict[tuple[str, str], Accessor]
"""Names already looked up in one source, with the vocabulary that they are of."""


def resolve(predicate: Predicate, source: Source, vocabulary: Vocabulary, places: Places | None = None) -> Tree:
    """The predicate over one source's events. Raises RuleError on values that its questions cannot take.

    ``places``: kept from one predicate to the next, so that a name is looked up once.
    """
    known = {} if places is None else places

    def place_of(name: str) -> Accessor:
        found = known.get((name, vocabulary))
        if found is None:
            found = known[name, vocabulary] = source.accessor(name, vocabulary=vocabulary)
        return found

    return _resolved(predicate, place_of, 0)


def _resolved(predicate: Predicate, place_of: Callable[[str], Accessor], depth: int) -> Tree:
    if depth > MAX_DEPTH:
        msg = f"a condition is nested deeper than {MAX_DEPTH} levels"
        raise RuleError(msg)
    if isinstance(predicate, Leaf):  # by far the most; a start is made of thousands
        return _question(predicate, place_of)
    if isinstance(predicate, Not):
        return opposite(_resolved(predicate.part, place_of, depth + 1))
    parts = [_resolved(part, place_of, depth + 1) for part in predicate.parts]
    return all_of(parts) if isinstance(predicate, And) else some_of(parts)


def all_of(parts: Iterable[Tree]) -> Tree:
    """``All`` of the parts: flat, without repetitions, decided where a part decides it."""
    flat: dict[Tree, None] = {}
    for part in parts:
        if isinstance(part, All):
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    if NEVER in flat:
        return NEVER
    return next(iter(flat)) if len(flat) == 1 else All(tuple(flat))


def some_of(parts: Iterable[Tree]) -> Tree:
    """``Some`` of the parts: flat, without repetitions, plain questions about one place joined into one."""
    flat: dict[Tree, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, Some) else (part,)))
    if ALWAYS in flat:
        return ALWAYS
    joined = _joined(flat)
    return joined[0] if len(joined) == 1 else Some(tuple(joined))


def opposite(part: Tree) -> Tree:
    """The negation."""
    if isinstance(part, Opposite):
        return part.part
    if part == ALWAYS:
        return NEVER
    return ALWAYS if part == NEVER else Opposite(part)


def _joined(parts: Iterable[Tree]) -> list[Tree]:
    values: dict[Tree | _Plain, list[str]] = {}
    for part in parts:
        if isinstance(part, Question) and part.op in PLAIN:
            values.setdefault((part.place, part.op, part.folded, part.part), []).extend(part.values)
        else:
            values[part] = []
    return [_asking(one, asked) if isinstance(one, tuple) else one for one, asked in values.items()]


_Plain = tuple[Accessor | None, Op, bool, str | None]
"""What plain questions that can be joined have in common: place, question, folded, time part."""


def _asking(plain: _Plain, values: Iterable[str]) -> Question:
    place, op, folded, part = plain
    return Question(place, op, tuple(sorted(set(values))), folded, part)


def _question(leaf: Leaf, place_of: Callable[[str], Accessor]) -> Tree:
    place = None if leaf.field is None else place_of(leaf.field)
    part = leaf.part
    if leaf.op in PLAIN and part is None and isinstance(leaf.value, str):  # nearly every leaf of a pack
        return Question(place, leaf.op, (leaf.value if leaf.cased else fold(leaf.value),), not leaf.cased)
    if part is not None and part not in PARTS:
        msg = f"{leaf.field}: no time part is called {part!r}; there are {', '.join(PARTS)}"
        raise RuleError(msg)
    if leaf.op in PRESENCE:
        return _presence(leaf, place)
    if leaf.value is None:
        msg = f"{leaf.field or 'keywords'}: {leaf.op} needs a value"
        raise RuleError(msg)
    folded = not leaf.cased
    if leaf.op in SAME:
        other = place_of(str(leaf.value))
        return Question(place, leaf.op, folded=folded, part=part, other=other)
    if leaf.op in ORDER:
        return Question(place, leaf.op, bound=_bound(leaf), part=part)
    text = text_of(leaf.value)
    if leaf.op in ("regex", "cidr"):
        question = Question(place, leaf.op, (text,), part=part)
    else:
        question = Question(place, leaf.op, (fold(text) if folded else text,), folded=folded, part=part)
    if leaf.op not in PLAIN:
        prepared(question)  # so that a faulty constant is an error of the rule, here and not at an event
    return question


def _presence(leaf: Leaf, place: Accessor | None) -> Tree:
    if leaf.op == "exists":
        found = Question(place, "exists")
        return found if leaf.value is not False else opposite(found)
    null = Question(place, "null")
    return null if leaf.op == "null" else opposite(null)


def _bound(leaf: Leaf) -> float:
    value = leaf.value
    number = number_of(value) if isinstance(value, str) else value
    if number is None or isinstance(number, (bool, str)):
        msg = f"{leaf.field or 'keywords'}: {leaf.op} needs a number, not {str(value)[:60]!r}"
        raise RuleError(msg)
    return number


Test = Callable[[str], bool]


def prepared(question: Question) -> Test:
    """A function that asks the question of one text (folded if ``folded``). Raises RuleError on a faulty constant.

    Not for presence and sameness: those are asked of all values at once.
    """
    values = question.values
    match question.op:
        case "equals":
            wanted = frozenset(values)
            return lambda text: text in wanted
        case "contains":
            return lambda text: any(value in text for value in values)
        case "startswith":
            return lambda text: text.startswith(values)
        case "endswith":
            return lambda text: text.endswith(values)
        case "like":
            return fit(values[0])
        case "regex":
            return regex(values[0])
        case "cidr":
            return _inside(values[0])
        case _:
            return _ordered(question.op, question.bound)


def _ordered(op: Op, bound: float) -> Test:
    def test(text: str) -> bool:
        number = number_of(text)
        if number is None:
            return False
        match op:
            case "lt":
                return number < bound
            case "lte":
                return number <= bound
            case "gt":
                return number > bound
            case _:
                return number >= bound

    return test


def _inside(network: str) -> Test:
    try:
        wanted = ipaddress.ip_network(network, strict=False)
    except ValueError as exc:
        msg = f"cidr: {network[:60]!r} is no network: {exc}"
        raise RuleError(msg) from exc

    def test(text: str) -> bool:
        try:
            return ipaddress.ip_address(text) in wanted
        except ValueError:
            return False

    return test
