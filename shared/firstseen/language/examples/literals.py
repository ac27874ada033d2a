"""A predicate with its negations pushed down to the questions: what a search can take step by step."""

from __future__ import annotations

from dataclasses import dataclass

from firstseen.language.predicates import And, Leaf, Not, Or, Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """One thing that an event must be, or must not be.

    Attributes:
        asked: a leaf; or, when not wanted, alternatives of one field (``not eventName: [A, B, …]`` is one literal).
        wanted: whether it must hold.
    """

    asked: Predicate
    wanted: bool

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The questions in it; at least one."""
        parts = self.asked.parts if isinstance(self.asked, Or) else (self.asked,)
        return tuple(part for part in parts if isinstance(part, Leaf))

    @property
    def field(self) -> str | None:
        """The field that it is about; None for keywords."""
        return self.leaves[0].field

    def flipped(self) -> Literal:
        """The opposite."""
        return Literal(self.asked, not self.wanted)


@dataclass(frozen=True, slots=True, eq=False)
class Every:
    """All of these."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Any:
    """One of these will do; of none, nothing does."""

    parts: tuple[Node, ...]


Node = Literal | Every | Any


def normal(tree: Predicate, *, wanted: bool = True) -> Node:
    """The tree, or its negation, without ``not``. As deep as the tree, whose depth is bounded."""
    match tree:
        case Leaf():
            return Literal(tree, wanted)
        case Not(part):
            return normal(part, wanted=not wanted)
        case And(parts) if wanted:
            return Every(tuple(normal(part) for part in parts))
        case Or(parts) if wanted:
            return Any(tuple(normal(part) for part in parts))
        case And(parts):
            return Any(tuple(normal(part, wanted=False) for part in parts))
        case Or(parts):
            return Every(_refused(parts))


def _refused(parts: tuple[Predicate, ...]) -> tuple[Node, ...]:
    """None of the parts; leaves about one field stay together, so that a long list is one literal."""
    by_field: dict[str | None, list[Predicate]] = {}
    others: list[Node] = []
    for part in parts:
        if isinstance(part, Leaf):
            by_field.setdefault(part.field, []).append(part)
        else:
            others.append(normal(part, wanted=False))
    joined = [Literal(some[0] if len(some) == 1 else Or(tuple(some)), wanted=False) for some in by_field.values()]
    return (*joined, *others)
