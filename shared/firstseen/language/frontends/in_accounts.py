"""Conditions that hold in some accounts only, as a tree that is decided quickly however many accounts there are."""

from __future__ import annotations

from collections.abc import Sequence

from firstseen.language.predicates import And, Leaf, Or, Predicate

FIELD = "account"
"""The common vocabulary's name, which means the same in rules of every vocabulary."""

BRANCHES = 16
"""Accounts, or groups of them, that are asked for one after the other. With 500 accounts an event is asked at most 34
questions about its account in the place of 500: 24 µs in the place of 88, and 17 with one account."""

Inside = tuple[tuple[str, ...], Predicate]
"""Ids of accounts, and what holds there."""


def any_account(inside: Sequence[Inside]) -> list[Predicate]:
    """Alternatives, one of which is true where an event's account has a condition that is true."""
    level = [_group([one]) for one in inside]
    while len(level) > BRANCHES:
        level = [_group(level[at : at + BRANCHES]) for at in range(0, len(level), BRANCHES)]
    return [And((_in(ids), condition)) for ids, condition in level]


def _group(parts: Sequence[Inside]) -> Inside:
    ids = tuple(dict.fromkeys(uid for some, _ in parts for uid in some))
    if len(parts) == 1:
        return ids, parts[0][1]
    return ids, Or(tuple(And((_in(some), condition)) for some, condition in parts))


def _in(ids: Sequence[str]) -> Predicate:
    leaves = tuple(Leaf(FIELD, "equals", uid) for uid in ids)
    return leaves[0] if len(leaves) == 1 else Or(leaves)
