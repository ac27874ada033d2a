"""One source's rules, ready to run: the fast way over bytes, the slow way over a view, the careful way rule by rule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import is_

import msgspec

from firstseen.matching.emit import Rows, Rule
from firstseen.matching.evaluate import holds
from firstseen.matching.fast import Span, Sweep, no_fast_way, sweep_of
from firstseen.matching.index import Index
from firstseen.matching.layout import layout
from firstseen.matching.partial import questions
from firstseen.matching.questions import All, Opposite, Question, Some, Tree, all_of, opposite, some_of
from firstseen.sources.source import Derived, Source, View

Failures = tuple[tuple[int, Exception], ...]


class Program:
    """The rules of one source. One call at a time on one object.

    Attributes:
        source: the source.
        trees: each rule's tree by its index in the pack's bases.
        span: the event times that the fast way saw.

    ``moved``: some tree asks for a computed name that may be an index key's own text.
    """

    def __init__(self, source: Source, trees: Sequence[tuple[int, Tree]], *, moved: bool) -> None:
        self.source = source
        self.trees = dict(trees)
        self.span = Span()
        merged: dict[Tree, list[int]] = {}
        for row, tree in trees:
            merged.setdefault(tree, []).append(row)
        self._all: list[Rule] = [(tree, tuple(rows)) for tree, rows in merged.items()]
        indexed: dict[Tree, list[int]] = {}
        for tree, rows in merged.items():
            indexed.setdefault(_at_keys(tree, source.index) if moved else tree, []).extend(rows)
        self._rules: list[Rule] = [(tree, tuple(sorted(rows))) for tree, rows in indexed.items()]
        self._slow = Index(self._rules, [(key,) for key in source.index], None)

    @cached_property
    def sweep(self) -> Sweep:
        """The fast way; see :data:`firstseen.matching.fast.Sweep`. Made when it is first asked for."""
        asked = questions(tree for tree, _ in self._rules)
        places = [place for one in asked for place in (one.place, one.other) if place is not None]
        plan = layout(self.source, places) if self.source.index else None
        return no_fast_way if plan is None else sweep_of(self.source, self._slow.over(plan), plan, self.span)

    def match_view(self, view: View) -> tuple[Rows, Failures]:
        """The rules that hold for an event, ascending, and those that raised, with what they raised."""
        names = tuple(name for key in self.source.index if isinstance(name := view.get(key), str) and name)
        if len(names) < len(self.source.index):
            return _careful(self._all, view)
        try:
            function = self._slow.function(names)
            return (() if function is None else tuple(sorted(function(view, b"")))), ()
        except Exception:  # noqa: BLE001 - the careful way finds out which rule it was
            return _careful(self._slow.group(names).rules, view)


def _at_keys(tree: Tree, keys: Sequence[str]) -> Tree:
    """The tree with computed names that are an index key's own text asked at that key."""
    match tree:
        case All(parts):
            moved = [_at_keys(part, keys) for part in parts]
            return tree if all(map(is_, moved, parts)) else all_of(moved)
        case Some(parts):
            moved = [_at_keys(part, keys) for part in parts]
            return tree if all(map(is_, moved, parts)) else some_of(moved)
        case Opposite(part):
            return opposite(_at_keys(part, keys))
        case Question(place=Derived(plain=str(key))) if key in keys:
            return msgspec.structs.replace(tree, place=(key,))
    return tree


def _careful(rules: Sequence[Rule], view: View) -> tuple[Rows, Failures]:
    rows: list[int] = []
    failed: list[tuple[int, Exception]] = []
    for tree, own in rules:
        try:
            if holds(tree, view):
                rows.extend(own)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is reported with the rule
            failed.extend((row, exc) for row in own)
    return tuple(sorted(rows)), tuple(failed)
