"""What CloudTrail's event history must be asked for, so that the rules with memory see their past.

The event history is asked by one attribute at a time, so the calls that rules name are what it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Or, Predicate
from firstseen.language.rules import Base, Correlation
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

Attribute = Literal["EventName", "EventSource"]
_Value = Callable[[Leaf], str | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up.

    Attributes:
        attributes: (attribute, value), such as ``("EventName", "GetPasswordData")``: each once, sorted.
        covered: the rules with memory of which everything is looked up.
        uncovered: those of which some base rule names neither call nor service: nothing can be asked for.
    """

    attributes: tuple[tuple[Attribute, str], ...]
    covered: tuple[Correlation, ...]
    uncovered: tuple[Correlation, ...]


def asked(pack: Pack) -> Asked:
    """What the pack's rules with memory need of CloudTrail's event history."""
    bases = {base.id: base for base in pack.bases}
    wanted: set[tuple[Attribute, str]] = set()
    covered: list[Correlation] = []
    uncovered: list[Correlation] = []
    for rule in pack.correlations:
        members = [bases[one.base_id] for one in rule.members]
        if not rule.enabled or rule.type == "match" or not any(CLOUDTRAIL.name in one.sources for one in members):
            continue
        found = [_attributes(one) for one in members if CLOUDTRAIL.name in one.sources]
        if any(one is None for one in found):
            uncovered.append(rule)
            continue
        covered.append(rule)
        wanted.update(*(one for one in found if one is not None))
    return Asked(tuple(sorted(wanted)), tuple(covered), tuple(uncovered))


def _attributes(base: Base) -> set[tuple[Attribute, str]] | None:
    """By call where the rule names calls, else by service; None: it names neither."""
    calls = _named(base.predicate, _at(base, "eventName"))
    if calls is not None:
        return {("EventName", one) for one in calls}
    services = _named(base.predicate, _at(base, "eventSource"))
    return None if services is None else {("EventSource", one) for one in services}


def _at(base: Base, key: str) -> _Value:
    """What a leaf says about this key of an event, as the rule spells it: the history's attributes are cased."""

    def value(leaf: Leaf) -> str | None:
        if leaf.field is None or leaf.op != "equals" or leaf.part is not None or not isinstance(leaf.value, str):
            return None
        place = CLOUDTRAIL.accessor(leaf.field, vocabulary=base.vocabulary)
        if place == (key,):
            return leaf.value
        if key == "eventName" and place is CLOUDTRAIL.common["action"]:  # written service:Call
            return leaf.value.partition(":")[2] or None
        return None

    return value


def _named(tree: Predicate, value: _Value) -> frozenset[str] | None:
    """The values of which one must stand in an event if the tree is true; None: it may be anything."""
    match tree:
        case Leaf():
            found = value(tree)
            return None if found is None else frozenset((found,))
        case And(parts):
            sets = [one for one in (_named(part, value) for part in parts) if one is not None]
            return min(sets, key=len) if sets else None
        case Or(parts):
            every = [_named(part, value) for part in parts]
            if not parts or any(one is None for one in every):
                return None
            return frozenset().union(*(one for one in every if one is not None))
        case _:
            return None
