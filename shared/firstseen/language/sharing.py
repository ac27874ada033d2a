"""What rules of a pack have in common stands in it once: the values of long lists, and large parts of conditions.

It is told by what conditions are, not by the names of lists: whoever writes the same long list into two rules shares it
as well. What is shared is one object: :mod:`firstseen.language.rows` writes it once, and reads it as one object again,
so that the matcher makes what it needs of it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import is_

import msgspec

from firstseen.language.predicates import MAX_DEPTH, And, Leaf, Not, Op, Or, Predicate, to_data
from firstseen.language.rules import Base

LONG = 64
"""Values, or rows of a part, from which on they stand by themselves."""

LISTED: frozenset[Op] = frozenset({"equals", "contains", "startswith", "endswith", "like", "regex", "cidr"})
"""Questions that are asked of lists."""

Alike = tuple[str | None, Op, bool, str | None]
"""What leaves have in common that differ in their values only: field, question, cased, time part."""


def _alike(part: Predicate) -> Alike | None:
    """None: it is no question that lists ask."""
    listed = isinstance(part, Leaf) and part.op in LISTED and isinstance(part.value, str)
    return (part.field, part.op, part.cased, part.part) if listed and isinstance(part, Leaf) else None


def run_of(tree: Predicate) -> tuple[Alike, tuple[str, ...]] | None:
    """What an ``any`` row says, where the tree is a long *or* of leaves that differ in their values only."""
    if not isinstance(tree, Or) or len(tree.parts) < LONG:
        return None
    alike = _alike(tree.parts[0])
    if alike is None or any(_alike(part) != alike for part in tree.parts):
        return None
    return alike, tuple(str(part.value) for part in tree.parts if isinstance(part, Leaf))


def sharing(bases: Iterable[Base]) -> list[Base]:
    """The bases with long alternatives of one kind together, and with equal large parts being one object.

    They mean what they meant: a list that was written beside other alternatives becomes one of them.
    """
    shared = _Sharing()
    return [replace(one, predicate=shared.tree(one.predicate, 0)) for one in bases]


class _Sharing:
    """The large parts that were met so far."""

    def __init__(self) -> None:
        self._done: dict[tuple[int, int], tuple[Predicate, Predicate]] = {}
        self._kept: dict[object, Predicate] = {}
        self._rows: dict[int, int] = {}

    def tree(self, tree: Predicate, depth: int) -> Predicate:
        """The tree with what it shares; ``depth`` levels are above it, and grouping takes one more."""
        if isinstance(tree, Leaf) or depth > MAX_DEPTH - len(("group", "leaf")):
            return tree
        done = self._done.get((id(tree), depth))
        if done is None:
            done = self._done[id(tree), depth] = tree, self._one(self._with_parts(tree, depth))
        return done[1]

    def _with_parts(self, tree: And | Or | Not, depth: int) -> Predicate:
        if isinstance(tree, Not):
            part = self.tree(tree.part, depth + 1)
            return tree if part is tree.part else Not(part)
        parts = tuple([self.tree(part, depth + 1) for part in tree.parts])
        if isinstance(tree, Or) and len(parts) >= LONG and run_of(tree) is None:
            parts = self._grouped(parts)
        same = len(parts) == len(tree.parts) and all(map(is_, parts, tree.parts))
        return tree if same else type(tree)(parts)

    def _grouped(self, parts: Sequence[Predicate]) -> tuple[Predicate, ...]:
        """Long runs of one kind stand where their first leaf stood."""
        groups: dict[Alike | int, list[Predicate]] = {}
        for number, part in enumerate(parts):
            groups.setdefault(_alike(part) or number, []).append(part)
        found: list[Predicate] = []
        for group in groups.values():
            found += [self._one(Or(tuple(group)))] if len(group) >= LONG else group
        return tuple(found)

    def _one(self, tree: Predicate) -> Predicate:
        """The first tree that is as this one is, if it is large."""
        run = run_of(tree)
        if run is not None:
            found = self._kept.setdefault(run, tree)
            self._rows[id(found)] = 1
            return found
        if self._rows_of(tree) < LONG:
            return tree
        parts = (tree.part,) if isinstance(tree, Not) else () if isinstance(tree, Leaf) else tree.parts
        found = self._kept.setdefault((type(tree), tuple(map(self._key, parts))), tree)
        self._rows[id(found)] = self._rows_of(found)
        return found

    def _key(self, part: Predicate) -> object:
        """Equal for equal parts only; to Python ``Leaf("a", "equals", 1)`` equals ``… True)``."""
        return id(part) if id(part) in self._rows else msgspec.json.encode(to_data(part))

    def _rows_of(self, tree: Predicate) -> int:
        """How large a tree is whose parts were met; large ones are kept, so that no identity comes twice."""
        if id(tree) in self._rows:
            return self._rows[id(tree)]
        if isinstance(tree, Leaf):
            return 1
        return 1 + sum(map(self._rows_of, (tree.part,) if isinstance(tree, Not) else tree.parts))
