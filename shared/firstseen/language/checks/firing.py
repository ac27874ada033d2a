"""A rule that cannot fire is an error when rules are checked, not silence in production."""

from __future__ import annotations

from collections.abc import Iterator

from firstseen.language.checks.issues import Issue, Rules, Severity
from firstseen.language.examples.events import example
from firstseen.language.examples.search import Unsolved
from firstseen.language.examples.sequences import sequences
from firstseen.language.rules import Base


class CannotFire:
    """An example event, or sequence of events, is made for each rule and run through the real engine."""

    name = "cannot-fire"
    severity: Severity = "error"
    says = "No event, or sequence of events, can make the rule fire."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each base rule and each correlation. Unknown fields have a check of their own."""
        dead: set[str] = set()
        for base in rules.bases:
            found = self._base(rules, base)
            if found is not None:
                dead.add(base.id)
                if not found.unknown_field:
                    yield self._issue(rules, base.id, found)
        for correlation in rules.correlations:
            if correlation.type == "match" or any(member.base_id in dead for member in correlation.members):
                continue
            made = sequences(correlation, rules.by_id, rules.sources, rules.ask_of)
            if isinstance(made, Unsolved):
                if not made.unknown_field:
                    yield self._issue(rules, correlation.card.id, made)
            elif rules.findings_of(correlation, made[0]) != made[0].expected:
                reason = "the example that was made for it caused no finding"
                yield self._issue(rules, correlation.card.id, Unsolved(reason, certain=False))

    def _base(self, rules: Rules, base: Base) -> Unsolved | None:
        """Why no source has an event for the rule; None when one has."""
        reasons = []
        for source in (rules.sources[name] for name in base.sources if name in rules.sources):
            found = example(base, source, rules.ask_of(base, source))
            if not isinstance(found, Unsolved):
                return None
            reasons.append(found)
        return reasons[0] if reasons else Unsolved("it reads no log source that is known")

    def _issue(self, rules: Rules, rule_id: str, why: Unsolved) -> Issue:
        part = "correlation" if rule_id not in rules.by_id else "detection"
        mend = "change one of the conditions" if why.certain else "give the rule a test of its own that shows it firing"
        severity: Severity = "error" if why.certain else "warning"
        message = f"the rule cannot fire: {why.reason}" if why.certain else f"not shown to fire: {why.reason}"
        return Issue(self.name, severity, message, rule_id, rules.place(rule_id, part), mend)
