"""What a provider's own history must be asked for, so that the rules with memory see their past.

CloudTrail's event history is asked by one attribute at a time, so the calls that rules name are what it is asked for.
The Activity Log can be asked for everything in a stretch of time, or by the provider of the *resource*, which says
nothing certain about the operation: it is asked for everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Or, Predicate
from firstseen.language.rules import Base, Correlation
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.azure_auditlogs import AUDITLOGS
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.source import Source

Attribute = Literal["EventName", "EventSource", "Everything"]
"""``Everything`` has no value."""

_Value = Callable[[Leaf], str | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up.

    Attributes:
        attributes: (attribute, value), such as ``("EventName", "GetPasswordData")``: each once, sorted.
        covered: the rules with memory of which everything is looked up.
        uncovered: those of which the history cannot show everything, and of which nothing is looked up: some base rule
            names neither call nor service, or reads another log of the same cloud.
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


def everything(pack: Pack) -> Asked:
    """What the pack's rules with memory need of the Activity Log, which is asked for all that there is.

    A rule that reads Entra ID's logs as well would know half its past and count as complete: it is not covered.
    """
    bases = {base.id: base for base in pack.bases}
    covered: list[Correlation] = []
    uncovered: list[Correlation] = []
    for rule in pack.correlations:
        read = {name for one in rule.members for name in bases[one.base_id].sources}
        if not rule.enabled or rule.type == "match" or not read & {ACTIVITYLOGS.name, *_ENTRA}:
            continue
        (uncovered if read & _ENTRA else covered).append(rule)
    return Asked((("Everything", ""),) if covered else (), tuple(covered), tuple(uncovered))


_ENTRA = frozenset((SIGNINLOGS.name, AUDITLOGS.name))


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose provider keeps the last 90 days of it, and can be asked for them.

    Attributes:
        source: what its entries are.
        name: on the command line and in cursors.
        said: its name in messages.
        asked: what it must be asked for.
        uncovered: why it may not serve a rule.
        instead: the files that serve any rule.
    """

    source: Source
    name: str
    said: str
    asked: Callable[[Pack], Asked]
    uncovered: str
    instead: str


CLOUDTRAIL_HISTORY = Log(
    source=CLOUDTRAIL,
    name="cloudtrail",
    said="CloudTrail's event history",
    asked=asked,
    uncovered="it names neither call nor service",
    instead="the trail's files",
)
ACTIVITY_LOG = Log(
    source=ACTIVITYLOGS,
    name="activity-log",
    said="the Activity Log",
    asked=everything,
    uncovered="it reads Entra ID's logs",
    instead="exported logs",
)


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
