"""What rules are once a front end has read them: base rules, correlations, and their cards.

Everything that runs rules runs packs of these records (:mod:`firstseen.language.pack`); the front ends are
not imported where rules run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firstseen.language.predicates import Predicate

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")

CorrelationType = Literal["match", "new_terms", "event_count", "value_count", "temporal", "temporal_ordered"]
When = Literal["never", "returning", "any"]
Vocabulary = Literal["raw", "common", "ecs"]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

DEFAULT_LIMIT = 100
"""Notifications a rule and hour of event time; what is over it goes into a digest."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """At most one notification for the same values of ``fields`` within ``duration_us`` of event time.

    ``missing`` says what an event without one of the fields does: ``group`` (all such events share a
    notification) or ``separate`` (each is on its own). ``vocabulary`` says whose field names they are: those of the
    base rule.
    """

    fields: tuple[str, ...]
    duration_us: int
    missing: Literal["group", "separate"] = "group"
    vocabulary: Vocabulary = "raw"


@dataclass(frozen=True, slots=True)
class Card:
    """What a person is told about a rule; it travels inside each finding.

    Attributes:
        id: the Sigma id (a UUID) or Elastic's rule_id; the ``rule_id`` of every output.
        name: Sigma's short machine name, or "".
        risk_score: 0 to 100.
        status: Sigma's status; ``experimental`` findings are recorded and not sent.
        tags: as written (``attack.t1552.005``); tactics and techniques are read from them.
        triage, response: the steps, one a line, in Markdown.
        hash: hex digest of everything that the rule says.
    """

    id: str
    title: str
    name: str = ""
    level: Level = "medium"
    risk_score: int = 47
    status: str = "stable"
    description: str = ""
    author: str = ""
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    triage: tuple[str, ...] = ()
    response: tuple[str, ...] = ()
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """A base rule: what one event must be. It reports nothing itself; correlations (also ``match``) do.

    Attributes:
        id: the rule's id; unique in a pack.
        title: for listings.
        sources: names of the log sources that it reads, e.g. ``("aws.cloudtrail",)``.
        vocabulary: whose field names the predicate uses (:meth:`firstseen.sources.source.Source.accessor`).
        predicate: with filters joined and placeholders expanded.
        listed: ``firstseen match`` lists it (false for a base that an Elastic correlation rule made for
            itself).
    """

    id: str
    title: str
    sources: tuple[str, ...]
    vocabulary: Vocabulary
    predicate: Predicate
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """One base rule of a correlation, with the fields that its events give, aliases resolved.

    Attributes:
        base_id: the base rule.
        group_by: field names, one for each group-by of the correlation, in its order.
        fields: new_terms: the one to three term fields; value_count: the counted field(s); else empty.
    """

    base_id: str
    group_by: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Correlation:
    """A rule that makes findings.

    Attributes:
        card: what people are told.
        type: ``match`` is a base rule reporting for itself, keyed by the event's operation id.
        members: the base rules, in the rule's order (which is the order for ``temporal_ordered``).
        group_by: the group-by names as the rule writes them (aliases unresolved), for display.
        fields: the term or value names as the rule writes them, for display.
        timespan_us: S; 0 for ``match``.
        count: the condition is *at least* this many (``gt: n`` is stored as n + 1); 1 where the type has
        none. when: new_terms: which openings are reported.
        fingerprint: hex digest of what the rule *asks* (design §6); states belong to it.
        learning_us: findings within this long of the rule's activation are recorded, not sent.
        limit: notifications an hour of event time.
        suppression: see :class:`Suppression`.
        enabled: false: in the pack for listings, never run.
    """

    card: Card
    type: CorrelationType
    members: tuple[Member, ...]
    fingerprint: str
    group_by: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    timespan_us: int = 0
    count: int = 1
    when: When = "any"
    learning_us: int = 0
    limit: int = DEFAULT_LIMIT
    suppression: Suppression | None = None
    enabled: bool = True
