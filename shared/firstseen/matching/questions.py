"""The resolved tree: a predicate whose names are places in one source's events and whose constants are ready.

A :class:`Question` is one or more leaves that differ only in their value, joined by *or*: a list of a hundred call
names is one question. Trees are compared by value, so that rules which ask the same thing share the answer. They are
structs of msgspec's, not dataclasses: a pack has thousands, and these are made and hashed in a fifth of the time. Their
hashes are kept, since a question may have thousands of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from firstseen.errors import RuleError
from firstseen.language.predicates import MAX_DEPTH, And, Leaf, Not, Op, Or, Predicate
from firstseen.language.rules import Vocabulary
from firstseen.language.sharing import LONG
from firstseen.matching.many import JOINED, MANY, Many, Test
from firstseen.matching.networks import inside
from firstseen.matching.texts import PARTS, fit, number_of, regex
from firstseen.matching.values import fold, text_of
from firstseen.sources.source import Accessor, Source

PLAIN: frozenset[Op] = frozenset({"equals", "contains", "startswith", "endswith"})
"""Questions whose values are plain text, and that can hold several of them."""

PRESENCE: frozenset[Op] = frozenset({"exists", "null", "present"})
SAME: frozenset[Op] = frozenset({"same_as", "same_start", "same_end", "same_part"})
ORDER: frozenset[Op] = frozenset({"lt", "lte", "gt", "gte"})


class Question(msgspec.Struct, frozen=True, cache_hash=True):
    """What is asked of the values at one place.

    Attributes:
        place: where to look; None: every value of the event.
        op: as in :data:`firstseen.language.predicates.Op`, without ``present`` (``not null``).
        values: the texts asked for, any of which will do; folded when ``folded``. A :class:`Many` where they are many.
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


class All(msgspec.Struct, frozen=True, cache_hash=True):
    """True when every part is; empty: always."""

    parts: tuple[Tree, ...]


class Some(msgspec.Struct, frozen=True, cache_hash=True):
    """True when any part is; empty: never."""

    parts: tuple[Tree, ...]


class Opposite(msgspec.Struct, frozen=True, cache_hash=True):
    """True when the part is not."""

    part: Tree


Tree = Question | All | Some | Opposite

ALWAYS = All(())
NEVER = Some(())


Places = dict[tuple[str, str], Accessor]
"""Names already looked up in one source, with the vocabulary that they are of."""


LISTED = 16
"""Parts of an *or* from which on it may be a list, and is looked at as one."""


class Known(msgspec.Struct, eq=False):
    """What was resolved for one source, kept from one predicate to the next.

    Attributes:
        places: so that a name is looked up once.
        trees: what became of an *and* or *or*, by its identity and vocabulary: rules share large ones
            (:mod:`firstseen.language.sharing`). The predicates are kept with it, so that no identity comes twice.
        many: each list of values once, whichever fields are compared with it.
    """

    places: Places = msgspec.field(default_factory=dict)
    trees: dict[tuple[int, str], tuple[Predicate, Tree]] = msgspec.field(default_factory=dict)
    many: dict[tuple[str, ...], Many] = msgspec.field(default_factory=dict)


def resolve(predicate: Predicate, source: Source, vocabulary: Vocabulary, known: Known | None = None) -> Tree:
    """The predicate over one source's events. Raises RuleError on values that its questions cannot take."""
    return _Resolving(source, vocabulary, known or Known()).tree(predicate, 0)


class _Resolving:
    """One predicate's way to a tree."""

    def __init__(self, source: Source, vocabulary: Vocabulary, known: Known) -> None:
        self._vocabulary = vocabulary
        self._known = known
        places = known.places

        def place_of(name: str) -> Accessor:
            found = places.get((name, vocabulary))
            if found is None:
                found = places[name, vocabulary] = source.accessor(name, vocabulary=vocabulary)
            return found

        self._place_of = place_of

    def tree(self, predicate: Predicate, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            msg = f"a condition is nested deeper than {MAX_DEPTH} levels"
            raise RuleError(msg)
        if isinstance(predicate, Leaf):  # by far the most; a start is made of thousands
            return _question(predicate, self._place_of)
        if isinstance(predicate, Not):
            return opposite(self.tree(predicate.part, depth + 1))
        key = (id(predicate), self._vocabulary)
        found = self._known.trees.get(key)
        if found is None:
            found = self._known.trees[key] = predicate, self._over(predicate, depth)
        return found[1]

    def _over(self, predicate: And | Or, depth: int) -> Tree:
        listed = self._listed(predicate.parts) if isinstance(predicate, Or) else None
        if listed is not None:
            return listed
        parts = [self.tree(part, depth + 1) for part in predicate.parts]
        return all_of(parts) if isinstance(predicate, And) else some_of(parts, self._known)

    def _listed(self, parts: Sequence[Predicate]) -> Question | None:
        """Many leaves that differ in nothing but their texts, as one question, without one for each in between."""
        first = parts[0] if len(parts) >= LISTED else None
        if not isinstance(first, Leaf) or first.op not in _JOINING or first.part is not None:
            return None
        alike = (first.field, first.op, first.cased, None)
        texts: list[str] = []
        for leaf in parts:
            if not isinstance(leaf, Leaf) or (leaf.field, leaf.op, leaf.cased, leaf.part) != alike:
                return None
            if not isinstance(leaf.value, str):
                return None
            texts.append(leaf.value)
        folded = first.op != "cidr" and not first.cased
        place = None if first.field is None else self._place_of(first.field)
        return _asking((place, first.op, folded, None), map(fold, texts) if folded else texts, self._known)


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


def some_of(parts: Iterable[Tree], known: Known | None = None) -> Tree:
    """``Some`` of the parts: flat, without repetitions, plain questions about one place joined into one."""
    flat: dict[Tree, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, Some) else (part,)))
    if ALWAYS in flat:
        return ALWAYS
    joined = _joined(flat, known)
    return joined[0] if len(joined) == 1 else Some(tuple(joined))


def opposite(part: Tree) -> Tree:
    """The negation."""
    if isinstance(part, Opposite):
        return part.part
    if part == ALWAYS:
        return NEVER
    return ALWAYS if part == NEVER else Opposite(part)


_JOINING: frozenset[Op] = PLAIN.union(JOINED)


def _joined(parts: Iterable[Tree], known: Known | None) -> list[Tree]:
    """Plain questions of one kind as one; those of long lists stay what they are, for other rules ask them."""
    alike: dict[Tree | _Plain, list[Question]] = {}
    for part in parts:
        if isinstance(part, Question) and part.op in _JOINING and _is_short(part.values):
            alike.setdefault((part.place, part.op, part.folded, part.part), []).append(part)
        else:
            alike[part] = []
    joined: list[Tree] = []
    for one, questions in alike.items():
        if not isinstance(one, tuple):
            joined.append(one)
        elif len(questions) == 1 or len(questions) < JOINED.get(one[1], 2):
            joined += questions
        else:
            joined.append(_asking(one, [value for question in questions for value in question.values], known))
    return joined


def _is_short(values: tuple[str, ...]) -> bool:
    return type(values) is tuple and len(values) < LONG


_Plain = tuple[Accessor | None, Op, bool, str | None]
"""What questions that can be joined have in common: place, question, folded, time part."""


def _asking(plain: _Plain, values: Iterable[str], known: Known | None) -> Question:
    """Raises RuleError on a value that cannot be asked for."""
    place, op, folded, part = plain
    texts = tuple(sorted(set(values)))
    if op in JOINED or len(texts) >= MANY:  # of many that are alike but for case, few may be left
        texts = Many(texts) if known is None else known.many.setdefault(texts, Many(texts))
        texts.test(op)
    return Question(place, op, texts, folded, part)


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


def prepared(question: Question) -> Test:
    """A function that asks the question of one text (folded if ``folded``). Raises RuleError on a faulty constant.

    Not for presence and sameness: those are asked of all values at once.
    """
    values = question.values
    if isinstance(values, Many):
        return values.test(question.op)
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
            return inside(values)
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
