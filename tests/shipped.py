"""The rules that the project ships: read when a test first asks, once in each process of a run."""

from __future__ import annotations

from contextlib import chdir
from functools import cache

from firstseen.cli.ruleset import RuleSet, read_rule_set
from tests.emulators import ROOT

RULES = "shared/rules"


@cache
def shipped_rules() -> RuleSet:
    """With their documents, and with places as somebody at the root writes them. Nobody changes it.

    Reading them takes seconds: a module that asks while it is imported makes every worker wait for it.
    """
    with chdir(ROOT):
        return read_rule_set([RULES])
