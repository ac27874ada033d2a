"""Tests for a rule, made from its examples: to be pasted under ``firstseen:`` and made real."""

from __future__ import annotations

import json

import yaml

from firstseen.cli.exampling import Shown, examples_of
from firstseen.cli.ruleset import RuleSet
from firstseen.errors import SettingsError
from firstseen.language.examples.search import Unsolved


def scaffold(rules: RuleSet, name: str) -> str:
    """YAML of a ``firstseen:`` mapping with tests. Raises SettingsError when no example can be made."""
    base, correlation = rules.find(name)
    found = examples_of(base, correlation, {one.id: one for one in rules.bases})
    if isinstance(found, Unsolved):
        msg = f"no example for {name!r}: {found.reason}"
        raise SettingsError(msg)
    tests = [_test(one) for one in found]
    if base is not None and len(found) > 1:  # single events that do not match make one test
        misses = [view for one in found[1:] for view in one.views]
        tests = [tests[0], _test(Shown("events that differ in one place do not match", tuple(misses), 0))]
    return yaml.safe_dump({"firstseen": {"tests": tests}}, sort_keys=False, allow_unicode=True, width=120)


def _test(shown: Shown) -> dict[str, object]:
    # Through JSON: YAML would otherwise write parts that events share as anchors.
    events = [json.loads(json.dumps(view)) for view in shown.views]
    return {"name": shown.says, "events": events, "expect": shown.expected}
