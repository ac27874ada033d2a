"""Value lists: rules that need one which is empty, and lists that nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator

from firstseen.language.checks.issues import Issue, Rules, Severity


class NeedsList:
    """Shipped lists are empty: what is in them is known to those who run the rules only."""

    name = "needs-list"
    severity: Severity = "warning"
    says = "A rule cannot fire before a value list is filled."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each base rule that can never hold because a list is empty."""
        for rule_id, names in rules.needs.items():
            if names:
                which = f"list {names[0]}, which is" if len(names) == 1 else f"lists {', '.join(names)}, which are"
                mend = f"fill {'it' if len(names) == 1 else 'them'} in rules.yaml, under lists"
                place = rules.place(rule_id, "detection")
                yield Issue(self.name, self.severity, f"the rule needs the {which} empty", rule_id, place, mend)


class UnusedList:
    """A misspelt name in an overlay leaves the list that was meant empty, without an error, for ever."""

    name = "unused-list"
    severity: Severity = "warning"
    says = "An overlay fills a value list that no rule uses."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each list."""
        for name, near in rules.unused_lists.items():
            mend = f"did you mean {near}?" if near else "leave it out"
            yield Issue(self.name, self.severity, f"rules.yaml fills the list {name}, which no rule uses", mend=mend)
