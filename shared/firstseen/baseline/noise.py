"""How noisy rules are over a stretch of history: by rule and day, and what changes between two versions of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from firstseen.findings.finding import Finding
from firstseen.findings.text import headline
from firstseen.findings.times import DAY_US
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation

MAX_EXAMPLES = 3
MAX_COMPARED = 1_000_000
"""Findings of one version that are remembered for the comparison; beyond, it is said to be incomplete."""

WIDE_SHARE = 0.05
WIDE_EVENTS = 1_000
"""A base rule that takes more than this share of so many events or more asks for nothing in particular."""

SETTLED_SHARE = 0.1
SETTLED_FINDINGS = 1

Day = int
"""Days since 1970, in UTC."""


def day_of(time_us: int) -> Day:
    """The day of an event time."""
    return time_us // DAY_US


@dataclass(slots=True)
class RuleNoise:
    """One rule's numbers.

    Attributes:
        matches: events that its base rules matched, by day.
        findings: by day and routing.
        notifications: by day: single ones and digests.
        keys: distinct keys in the state at the end.
        examples: headlines of the first findings.
    """

    rule: Correlation
    matches: Counter[Day] = field(default_factory=Counter)
    findings: Counter[tuple[Day, str]] = field(default_factory=Counter)
    notifications: Counter[Day] = field(default_factory=Counter)
    keys: int = 0
    examples: list[str] = field(default_factory=list)

    def found(self, day: Day) -> int:
        """Findings of one day, whatever their routing."""
        return sum(number for (one, _), number in self.findings.items() if one == day)

    def by_routing(self) -> dict[str, int]:
        """Findings by routing."""
        numbers: Counter[str] = Counter()
        for (_, routing), number in self.findings.items():
            numbers[routing] += number
        return dict(sorted(numbers.items()))

    def settled_after(self, first: Day, last: Day) -> int | None:
        """Days from ``first`` until the baseline had settled; None: it had not by ``last``.

        Settled: from then on, no day has more than a tenth of the busiest day's findings (or one). It takes a day of
        quiet to say so.
        """
        days = range(first, last + 1)
        found = {day: self.found(day) for day in days}
        quiet = max(SETTLED_FINDINGS, int(max(found.values(), default=0) * SETTLED_SHARE))
        noisy = [day for day in days if found[day] > quiet]
        if not noisy:
            return 0
        return None if noisy[-1] == last else noisy[-1] - first + 1


@dataclass(slots=True)
class Noise:
    """Counts what a run over history brings.

    Attributes:
        rules: by id, in the pack's order.
        events: how many were read.
        bases: events by base rule's id.
        first, last: the days of the matches.
        seen: a hash of each finding (rule and triggering event) → its headline; for comparing versions.
        cut: more findings than :data:`MAX_COMPARED`: the comparison lacks some.
    """

    pack: Pack
    rules: dict[str, RuleNoise] = field(init=False)
    events: int = 0
    bases: Counter[str] = field(default_factory=Counter)
    first: Day | None = None
    last: Day | None = None
    seen: dict[bytes, str] = field(default_factory=dict)
    cut: bool = False
    _users: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        enabled = [one for one in self.pack.correlations if one.enabled]
        self.rules = {one.card.id: RuleNoise(one) for one in enabled}
        self._users = {}
        for one in enabled:
            for base_id in {member.base_id for member in one.members}:
                self._users.setdefault(base_id, []).append(one.card.id)

    def match(self, time_us: int, bases: Iterable[int]) -> None:
        """An event matched these base rules (indices into the pack's)."""
        day = day_of(time_us)
        self.first = day if self.first is None else min(self.first, day)
        self.last = day if self.last is None else max(self.last, day)
        ids = [self.pack.bases[index].id for index in bases]
        self.bases.update(ids)
        for rule_id in {rule_id for base_id in ids for rule_id in self._users.get(base_id, ())}:
            self.rules[rule_id].matches[day] += 1

    def found(self, finding: Finding) -> None:
        """A finding opened."""
        rule = self.rules[finding.card.id]
        rule.findings[(day_of(finding.time_us), finding.routing)] += 1
        if len(rule.examples) < MAX_EXAMPLES:
            rule.examples.append(headline(finding))
        trigger = finding.related[0].event_id if finding.related else finding.uid
        if len(self.seen) >= MAX_COMPARED:
            self.cut = True
            return
        name = hashlib.sha256(f"{finding.card.id}\0{trigger}".encode("utf-8", "surrogatepass")).digest()[:16]
        self.seen[name] = headline(finding)

    def notified(self, finding: Finding) -> None:
        """A notification went out. One about no single rule, as when learning ends, counts for none."""
        rule = self.rules.get(finding.card.id)
        if rule is not None:
            rule.notifications[day_of(finding.time_us)] += 1


@dataclass(frozen=True, slots=True)
class Wide:
    """A base rule that takes a large share of all events."""

    base_id: str
    title: str
    matches: int
    share: float


def wide_bases(pack: Pack, matches: Mapping[str, int], events: int) -> list[Wide]:
    """The base rules that take too large a share of ``events``; ``matches``: events by base rule's id."""
    if events < WIDE_EVENTS:
        return []
    shares = ((one, matches.get(one.id, 0)) for one in pack.bases)
    return [Wide(one.id, one.title, number, number / events) for one, number in shares if number / events > WIDE_SHARE]


@dataclass(frozen=True, slots=True)
class Difference:
    """Findings that only one of two versions makes, by rule and triggering event: how many, and some headlines."""

    gained: int
    lost: int
    gained_examples: tuple[str, ...]
    lost_examples: tuple[str, ...]
    complete: bool = True


def difference(before: Noise, after: Noise) -> Difference:
    """What ``after`` finds that ``before`` does not, and the reverse."""
    gained = [shown for name, shown in after.seen.items() if name not in before.seen]
    lost = [shown for name, shown in before.seen.items() if name not in after.seen]
    some = 5 * MAX_EXAMPLES
    return Difference(len(gained), len(lost), tuple(gained[:some]), tuple(lost[:some]), not (before.cut or after.cut))
