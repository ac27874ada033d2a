"""All checks over all rules."""

from __future__ import annotations

from collections.abc import Iterable

from firstseen.errors import Place, RuleError
from firstseen.language.checks.cards import (
    AttackTags,
    MissingFalsePositives,
    MissingId,
    MissingLevel,
    MissingTests,
    UnknownKey,
)
from firstseen.language.checks.fields import ImpossibleValue, UnknownField
from firstseen.language.checks.firing import CannotFire
from firstseen.language.checks.issues import Check, Issue, Rules
from firstseen.language.checks.lists import NeedsList, UnusedList
from firstseen.language.checks.overlaps import Duplicate, Shadowed

CHECKS: tuple[Check, ...] = (
    UnknownField(), ImpossibleValue(), CannotFire(), NeedsList(), UnusedList(), Duplicate(), Shadowed(),
    UnknownKey(), MissingId(), MissingLevel(), MissingFalsePositives(), MissingTests(), AttackTags(),
)  # fmt: skip

_OWED = (MissingLevel, MissingFalsePositives, MissingTests)

SYNTAX = "syntax"
"""The name of what the loader finds: files, keys, types, references, ids that are not unique."""
SYNTAX_SAYS = "A file cannot be read as rules."


def check(rules: Rules, faults: Iterable[RuleError] = (), checks: Iterable[Check] = CHECKS) -> list[Issue]:
    """Every issue, in the order of files and lines; ``faults`` are what the loader found.

    A file with a fault is not asked for what its rules owe: which of them report is not known before it is mended.
    """
    found = [Issue(SYNTAX, "error", fault.message, place=fault.place) for fault in faults]
    broken = {one.place.file for one in found if one.place is not None}
    for one in checks:
        issues = one.issues(rules)
        if isinstance(one, _OWED):
            issues = (issue for issue in issues if issue.place is None or issue.place.file not in broken)
        found.extend(issues)
    return sorted(found, key=_order)


def _order(issue: Issue) -> tuple[bool, str, int, int]:
    place = issue.place or Place("")
    return issue.place is None, place.file, place.line, place.column
