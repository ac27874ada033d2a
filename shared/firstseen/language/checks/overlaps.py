"""Rules that say the same, and rules whose every event another rule reports as well."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from firstseen.language.checks.implying import calls_of, implies
from firstseen.language.checks.issues import Issue, Rules, Severity
from firstseen.language.rules import Base, Correlation

MAX_PAIRS = 300_000


class Duplicate:
    """Two rules that ask the same make two findings of everything."""

    name = "duplicate"
    severity: Severity = "warning"
    says = "Two rules ask the same."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule that repeats an earlier one."""
        first: dict[str, Correlation] = {}
        for one in rules.correlations:
            other = first.setdefault(one.fingerprint, one)
            if other is not one:
                message = f"it asks what {other.card.title!r} ({other.card.id}) asks"
                mend = "keep one of them"
                yield Issue(self.name, self.severity, message, one.card.id, rules.place(one.card.id), mend)


class Shadowed:
    """Every event of the one is an event of the other: somebody is told twice."""

    name = "shadowed"
    severity: Severity = "warning"
    says = "Every event of a rule is also one of another rule."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule that another one covers; a note when there were too many pairs to compare all."""
        reporting = [rules.by_id[one.members[0].base_id] for one in rules.correlations if one.type == "match"]
        for compared, (narrow, wide) in enumerate(_pairs(reporting), 1):
            if compared > MAX_PAIRS:
                yield Issue(self.name, "note", f"only {MAX_PAIRS:,} pairs of rules were compared")
                return
            if implies(narrow.predicate, wide.predicate) and not implies(wide.predicate, narrow.predicate):
                message = f"each of its events is one of {wide.title!r} ({wide.id}) as well"
                mend = f"leave its events out of {wide.id}, or drop it"
                yield Issue(self.name, self.severity, message, narrow.id, rules.place(narrow.id, "detection"), mend)


def _pairs(bases: list[Base]) -> Iterator[tuple[Base, Base]]:
    """Ordered pairs that may overlap: of one vocabulary and source, and of calls in common where both name calls."""
    by_call: dict[str, list[Base]] = {}
    anywhere: list[Base] = []
    for base in bases:
        calls = calls_of(base.predicate)
        for call in calls or ():
            by_call.setdefault(call, []).append(base)
        if calls is None:
            anywhere.append(base)
    seen: set[tuple[str, str]] = set()
    alike = (pair for some in by_call.values() for pair in combinations(some, 2))
    for one, other in (*alike, *product(bases, anywhere)):
        for narrow, wide in ((one, other), (other, one)):
            key = (narrow.id, wide.id)
            if narrow.id != wide.id and key not in seen and _comparable(narrow, wide):
                seen.add(key)
                yield narrow, wide


def _comparable(narrow: Base, wide: Base) -> bool:
    return narrow.vocabulary == wide.vocabulary and set(narrow.sources) <= set(wide.sources)
