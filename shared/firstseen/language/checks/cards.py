"""What a rule owes to the people who get its findings: an id that stays, a level, false positives, tests, ATT&CK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from firstseen.language.attack_table import (
    RENAMED_TACTICS,
    RENUMBERED,
    TACTICS,
    TECHNIQUES,
    VERSION,
    technique_name,
)
from firstseen.language.checks.issues import Issue, Rules, Severity

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE | re.ASCII)
_OTHER = re.compile(r"attack\.[gsm]\d{4}", re.IGNORECASE | re.ASCII)

_KEYS = (
    "title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references", "date",
    "modified", "logsource", "detection", "correlation", "filter", "fields", "falsepositives", "level", "tags", "scope",
    "firstseen", "action",
)  # fmt: skip
"""Of Sigma's documents, and ours."""


class _Missing:
    """A key that a rule should have. ``reporting``: only rules that make findings."""

    severity: Severity = "warning"
    key = ""
    mend = ""
    reporting = True

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule without it."""
        reports = {one.card.id for one in rules.correlations}
        for rule_id, document in rules.documents.items():
            if (rule_id in reports or not self.reporting) and not document.data.get(self.key):
                yield Issue(
                    self.name, self.severity, f"the rule has no {self.key}", rule_id, document.place(), self.mend
                )

    name = ""


class MissingId(_Missing):
    """Finding ids are made from the rule's id: without one they change with its name or title."""

    name = "missing-id"
    says = "A rule has no id."
    key = "id"
    mend = "add 'id:' with a UUID of its own"
    reporting = False


class MissingLevel(_Missing):
    """Without a level a finding is of medium severity, which nobody decided."""

    name = "missing-level"
    says = "A rule has no level."
    key = "level"
    mend = "add 'level:' informational, low, medium, high or critical"


class MissingFalsePositives(_Missing):
    """The on-call's first question is what else it could be."""

    name = "missing-false-positives"
    says = "A rule names no false positives."
    key = "falsepositives"
    mend = "add 'falsepositives:' with what else may cause it"


class MissingTests:
    """A rule without tests is changed blindly."""

    name = "missing-tests"
    severity: Severity = "warning"
    says = "A rule carries no tests."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule that makes findings."""
        for rule_id in dict.fromkeys(one.card.id for one in rules.correlations):
            if rule_id in rules.documents and rule_id not in rules.tested:
                mend = "begin with 'firstseen rules test --scaffold RULE'"
                yield Issue(self.name, self.severity, "the rule has no tests", rule_id, rules.place(rule_id), mend)


class UnknownKey:
    """Sigma lets a rule have keys of its own, so a misspelt one is read by nobody and refused by nobody."""

    name = "unknown-key"
    severity: Severity = "warning"
    says = "A rule has a key that looks like a misspelt one."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each key that is nearly a known one; others are taken for the rule's own."""
        for rule_id, document in rules.documents.items():
            for key in document.data:
                near = get_close_matches(key.lower(), _KEYS, n=1, cutoff=0.8) if key not in _KEYS else []
                if near:
                    mend = f"did you mean {near[0]!r}?"
                    yield Issue(self.name, self.severity, f"nobody reads {key!r}", rule_id, document.place(key), mend)


class AttackTags:
    """Tags that no longer mean what they did, or never meant anything."""

    name = "attack-tag"
    severity: Severity = "warning"
    says = "An ATT&CK tag is renumbered, renamed or unknown."

    def issues(self, rules: Rules) -> Iterator[Issue]:
        """One for each rule and tag."""
        for rule_id, document in rules.documents.items():
            tags = document.data.get("tags")
            for position, tag in enumerate(tags if isinstance(tags, list) else ()):
                found = _said(str(tag).lower())
                if found is not None:
                    severity, message, mend = found
                    place = document.place("tags", position)
                    yield Issue(self.name, severity, message, rule_id, place, mend)


def _said(tag: str) -> tuple[Severity, str, str] | None:
    """What is wrong with a tag, and the mend; a note where only the table may be too short."""
    if not tag.startswith("attack.") or _OTHER.fullmatch(tag):
        return None
    found = _TECHNIQUE.fullmatch(tag)
    if found is None:
        slug = tag.removeprefix("attack.").replace("_", "-")
        if slug in RENAMED_TACTICS:
            mend = f"write {' or '.join(RENAMED_TACTICS[slug])}"
            return "warning", f"ATT&CK v{VERSION} has no tactic {slug}", mend
        if slug in TACTICS:
            return None
        near = get_close_matches(slug, TACTICS, n=1)
        return "warning", f"ATT&CK has no tactic {slug}", f"did you mean attack.{near[0]}?" if near else ""
    uid = found[1].upper()
    if uid in RENUMBERED:
        new = RENUMBERED[uid]
        message = f"ATT&CK v{VERSION} has {new} ({technique_name(new)}) in place of {uid}"
        return "warning", message, f"write attack.{new.lower()}"
    if uid in TECHNIQUES:
        return None
    return "note", f"the table of ATT&CK v{VERSION} here, which is not all of it, has no technique {uid}", "look it up"
