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
    bases = rules.standing_in()
    found = examples_of(bases[base.id] if base is not None else None, correlation, bases)
    if isinstance(found, Unsolved):
        msg = f"no example for {name!r}: {found.reason}"
        raise SettingsError(msg)
    used = [base.id] if base is not None else [one.base_id for one in correlation.members] if correlation else []
    lists = {name: list(values) for one in used for name, values in rules.stand_ins(one).items()}
    tests = [_test(one, lists) for one in found]
    if base is not None and len(found) > 1:  # single events that do not match make one test
        misses = [view for one in found[1:] for view in one.views]
        tests = [tests[0], _test(Shown("events that differ in one place do not match", tuple(misses), 0), lists)]
    return yaml.safe_dump({"firstseen": {"tests": tests}}, sort_keys=False, allow_unicode=True, width=120)


def _test(shown: Shown, lists: dict[str, list[str]]) -> dict[str, object]:
    # Through JSON: YAML would otherwise write parts that events share as anchors.
    events = [json.loads(json.dumps(view)) for view in shown.views]
    stated: dict[str, object] = {"lists": {name: list(values) for name, values in lists.items()}} if lists else {}
    return {"name": shown.says, **stated, "events": events, "expect": shown.expected}
