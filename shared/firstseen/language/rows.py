"""Predicates as a pack has them: rows, and the tables that rows refer to (:mod:`firstseen.language.sharing` says why).

::

    "values": [["198.51.100.7", …], …]       values that are asked for together, in whichever rules and fields
    "trees": [["and", …], …]                 parts that several rules have; one may be part of a later one
    ["any", field, op, 0, cased, part]       an *or* of leaves, one for each of ``values[0]``
    ["tree", 0]                              ``trees[0]``

Other rows are those of :func:`firstseen.language.predicates.to_data`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from firstseen.errors import RuleError
from firstseen.language.predicates import MAX_DEPTH, MAX_LEAVES, PARTS, And, Leaf, Not, Or, Predicate, leaf_of, to_data
from firstseen.language.sharing import LISTED, LONG, Alike, run_of

MAX_MADE_LEAVES = 1_000_000
"""Leaves made of ``any`` rows in one pack: a list of 50,000 values in twenty fields. A leaf takes 100 bytes."""

MAX_UNFOLDED_ROWS = 2_000_000
"""Rows of one pack, those of a tree counted wherever it is referred to: a few bytes must not become hours."""

_Entry = TypeVar("_Entry")


class Written:
    """Predicates as rows, with the tables that they refer to.

    Attributes:
        values, trees: the tables, in the order in which they are first referred to. Without any, the rows are those
            of :func:`~firstseen.language.predicates.to_data`.
        rows: the predicates', in their order.
    """

    def __init__(self, predicates: Sequence[Predicate]) -> None:
        """Raises RuleError where nobody would read it: it unfolds to more than is allowed."""
        self.values: list[tuple[str, ...]] = []
        self.trees: list[list[Any]] = []
        self._values: dict[tuple[str, ...], int] = {}
        self._trees: dict[int, int] = {}
        self._known: dict[int, tuple[Alike, tuple[str, ...]] | None] = {}
        self._sizes: dict[int, int] = {}
        self._often: set[int] = set()
        self._runs: set[tuple[Alike, tuple[str, ...]]] = set()
        unfolded = sum(map(self._count, predicates))
        made = sum(len(values) for _, values in self._runs)
        if unfolded > MAX_UNFOLDED_ROWS or made > MAX_MADE_LEAVES:
            raise _too_large()
        self.rows = [self._row(one) for one in predicates]

    def _count(self, tree: Predicate) -> int:
        """The rows of the tree, unfolded; what is met again is noted."""
        if isinstance(tree, Leaf):
            return 1
        if id(tree) in self._sizes:
            self._often.add(id(tree))
            return self._sizes[id(tree)]
        run = self._known[id(tree)] = run_of(tree)
        if run is not None:
            self._runs.add(run)
        parts = (tree.part,) if isinstance(tree, Not) else tree.parts
        found = self._sizes[id(tree)] = 1 if run is not None else 1 + sum(map(self._count, parts))
        return found

    def _row(self, tree: Predicate) -> list[Any]:
        if isinstance(tree, Leaf):
            return to_data(tree)
        known = self._trees.get(id(tree))
        if known is not None:
            return ["tree", known]
        row = self._whole(tree)
        if row[0] != "any" and id(tree) in self._often and self._sizes[id(tree)] >= LONG:
            self._trees[id(tree)] = len(self.trees)
            self.trees.append(row)
            return ["tree", self._trees[id(tree)]]
        return row

    def _whole(self, tree: And | Or | Not) -> list[Any]:
        run = self._known[id(tree)]
        if run is not None:
            (field, op, cased, part), values = run
            number = self._values.setdefault(values, len(self.values))
            if number == len(self.values):
                self.values.append(values)
            return ["any", field, op, number, cased, part]
        if isinstance(tree, Not):
            return ["not", self._row(tree.part)]
        return ["and" if isinstance(tree, And) else "or", *map(self._row, tree.parts)]


class Reading:
    """Predicates of one pack from its rows and tables, which may be anybody's. What is shared is one object.

    Each way in raises RuleError on rows and references that :class:`Written` does not write.
    """

    def __init__(self, values: object, trees: object) -> None:
        self._values = msgspec.convert(values, list[tuple[str, ...]])
        self._lists: dict[tuple[int, Alike], Or] = {}
        self._trees: list[tuple[Predicate, int, int, int]] = []
        self._made = self._unfolded = 0
        self._leaves = self._rows = self._deepest = 0
        for row in msgspec.convert(trees, list[Any]):
            tree = self._predicate(row)
            self._trees.append((tree, self._leaves, self._rows, self._deepest))

    def predicate(self, row: object) -> Predicate:
        """A base rule's predicate."""
        tree = self._predicate(row)
        self._unfolded += self._rows
        if self._unfolded > MAX_UNFOLDED_ROWS:
            raise _too_large()
        return tree

    def _predicate(self, row: object) -> Predicate:
        """The tree; its leaves and rows, unfolded, and its depth are noted."""
        self._leaves = self._rows = self._deepest = 0
        tree = self._read(row, 0)
        if self._leaves > MAX_LEAVES or self._rows > MAX_UNFOLDED_ROWS:
            raise _too_large()
        return tree

    def _read(self, row: object, depth: int) -> Predicate:
        self._at(depth, 1)
        kind = row[0] if isinstance(row, list) and row else None
        found: Predicate | None = None
        if not isinstance(row, list) or not isinstance(kind, str):
            pass
        elif kind == "leaf":
            self._leaves += 1
            found = leaf_of(row)
        elif kind in ("and", "or"):
            parts = tuple([self._read(part, depth + 1) for part in row[1:]])
            found = And(parts) if kind == "and" else Or(parts)
        elif kind == "not" and len(row) == len(("not", "part")):
            found = Not(self._read(row[1], depth + 1))
        elif kind == "any" and len(row) == len(("any", *Leaf.__struct_fields__)):
            found = self._any(row, depth)
        elif kind == "tree" and len(row) == len(("tree", "number")):
            found = self._tree(row[1], depth)
        if found is None:
            raise RuleError(f"not a predicate: {str(row)[:80]}")
        return found

    def _at(self, depth: int, rows: int) -> None:
        self._rows += rows
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            raise RuleError(f"a predicate is nested deeper than {MAX_DEPTH} levels")

    def _any(self, row: list[Any], depth: int) -> Predicate | None:
        _, field, op, number, cased, part = row
        values = _entry(self._values, number, "values")
        sound = (
            (field is None or type(field) is str)
            and type(op) is str
            and op in LISTED
            and type(cased) is bool
            and (part is None or (type(part) is str and part in PARTS))
        )
        if not sound or not values:
            return None
        self._at(depth + 1, len(values) if len(values) < LONG else 0)  # short ones are joined with others, rule by rule
        self._leaves += len(values)
        alike: Alike = (field, op, cased, part)
        found = self._lists.get((number, alike))
        if found is None:
            self._made += len(values)
            if self._made > MAX_MADE_LEAVES:
                raise _too_large()
            found = self._lists[number, alike] = Or(tuple([Leaf(field, op, one, cased, part) for one in values]))
        return found

    def _tree(self, number: object, depth: int) -> Predicate:
        tree, leaves, rows, deepest = _entry(self._trees, number, "trees")
        self._leaves += leaves
        self._at(depth + deepest, rows - 1)  # the tree stands where the reference to it does
        return tree


def _entry(table: Sequence[_Entry], number: object, name: str) -> _Entry:
    """What the row refers to. Of ``trees`` only those before it are there yet: none can be part of itself."""
    if type(number) is not int or not 0 <= number < len(table):
        said = f"it refers to {name}[{str(number)[:40]}], and has {len(table)} before that"
        raise RuleError(f"a damaged rule pack: {said}; build it again")
    return table[number]


def _too_large() -> RuleError:
    return RuleError(
        f"the rules unfold to more than {MAX_UNFOLDED_ROWS:,} conditions, or a rule to more than {MAX_LEAVES:,}, or "
        f"lists have more than {MAX_MADE_LEAVES:,} values, counted for each field: take fewer rules or shorter lists"
    )
