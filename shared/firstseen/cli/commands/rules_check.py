"""``firstseen rules check``: every fault of every rule, in one run."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from firstseen.cli.located import SOURCES
from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE
from firstseen.cli.ruleset import RuleSet, read_rule_set
from firstseen.language.checks.issues import Issue

SUMMARY = "Find what is wrong with rules: syntax, fields, values, contradictions, duplicates, what is missing."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules check [--format text|json|sarif] [--strict] PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    parser.add_argument("--strict", action="store_true", help="exit with 2 on warnings as well")


def run(args: argparse.Namespace) -> int:
    """Issues to standard output, the count to standard error."""
    from firstseen.cli import reporting

    found = read_rule_set(args.path, args.overlay)
    issues = check_rules(found)
    write = {"text": reporting.text, "json": reporting.as_json, "sarif": reporting.sarif}[args.format]
    sys.stdout.write(write(issues))
    counts = Counter(issue.severity for issue in issues)
    shown = ", ".join(_counted(counts[one], one) for one in ("error", "warning", "note"))
    rules = f"{_counted(len(found.bases), 'base rule')}, {_counted(len(found.correlations), 'rule')}"
    sys.stderr.write(f"{rules}: {shown}\n")
    for refusal in found.refusals:
        sys.stderr.write(f"left out: {refusal.place}: {refusal.message}\n")
    return EXIT_UNUSABLE if counts["error"] or (args.strict and counts["warning"]) else EXIT_DONE


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def check_rules(found: RuleSet) -> list[Issue]:
    """All issues of a rule set."""
    from firstseen.cli.proving import ask_of, findings_of
    from firstseen.language.checks.issues import Rules
    from firstseen.language.checks.running import check

    bases = found.standing_in()
    rules = Rules(
        bases=list(bases.values()),
        correlations=found.correlations,
        documents=found.documents,
        tested=frozenset(test.rule_id for test in found.tests),
        sources=SOURCES,
        ask_of=ask_of,
        findings_of=findings_of(bases),
        queried=found.elastic,
        needs={base_id: found.needs(base_id) for base_id in bases},
        listed={base_id: found.listed_values(base_id) for base_id in bases},
        unused_lists=found.unused_lists(),
    )
    return check(rules, found.faults)
