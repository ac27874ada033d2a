"""Partial evaluation: what is left of a tree once the call's name is known, and which names it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import is_

from firstseen.matching.many import Many
from firstseen.matching.questions import NEVER, All, Opposite, Question, Some, Tree, all_of, opposite, some_of
from firstseen.matching.values import fold
from firstseen.sources.source import Path


def questions(trees: Iterable[Tree]) -> list[Question]:
    """The questions in the trees, each once, in order of first appearance."""
    found: dict[Question, None] = {}
    waiting = list(trees)
    waiting.reverse()
    seen: set[int] = set()  # rules share large parts
    while waiting:
        tree = waiting.pop()
        match tree:
            case All(parts) | Some(parts):
                if id(tree) not in seen:
                    seen.add(id(tree))
                    waiting.extend(reversed(parts))
            case Opposite(part):
                waiting.append(part)
            case Question() as question:
                found[question] = None
    return list(found)


def assigned(tree: Tree, known: Mapping[Question, bool]) -> Tree:
    """The tree with the known answers put in and what they decide taken out."""
    match tree:
        case Question():
            answer = known.get(tree)
            return tree if answer is None else All(()) if answer else NEVER
        case All(parts):
            left = [assigned(part, known) for part in parts]
            return tree if all(map(is_, left, parts)) else all_of(left)
        case Some(parts):
            left = [assigned(part, known) for part in parts]
            return tree if all(map(is_, left, parts)) else some_of(left)
        case Opposite(part):
            rest = assigned(part, known)
            return tree if rest is part else opposite(rest)


def implied(tree: Tree, place: Path) -> frozenset[str] | None:
    """The folded texts of which the string at ``place`` must be one if the tree is true; None: any will do.

    Empty: the tree is never true.
    """
    if isinstance(tree, Question):
        if tree.op != "equals" or tree.place != place or tree.part is not None:
            return None
        if tree.folded:
            return tree.values.all if isinstance(tree.values, Many) else frozenset(tree.values)
        return frozenset(map(fold, tree.values))
    if isinstance(tree, All):
        sets = [names for part in tree.parts if (names := implied(part, place)) is not None]
        return frozenset.intersection(*sets) if sets else None
    if isinstance(tree, Some):
        every: set[str] = set()
        for part in tree.parts:
            names = implied(part, place)
            if names is None:
                return None
            every |= names
        return frozenset(every)
    return None
