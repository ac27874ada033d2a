"""``firstseen rules test``: the tests that rules carry, through the real engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.junit import Result, junit
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED, EXIT_UNUSABLE
from firstseen.cli.proving import Outcome, findings, matches
from firstseen.cli.ruleset import RuleSet, read_rule_set
from firstseen.errors import RuleError, SettingsError
from firstseen.findings.safe import safe_text
from firstseen.language.rules import Base, Correlation

if TYPE_CHECKING:
    from firstseen.language.frontends.extras import RuleTest

SUMMARY = "Run the tests that rules carry; name rules that carry none."
EXIT_FAILED = EXIT_REJECTED
MAX_TEXT = 300


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules test [--junit FILE] [--verbose] [--scaffold RULE] PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, too")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the tests that passed, too")
    parser.add_argument(
        "--scaffold", metavar="RULE", help="print tests for this rule (id, name or title) instead, made from examples"
    )


def run(args: argparse.Namespace) -> int:
    """Results to standard output; 1 when a test failed, 2 when a rule cannot be read."""
    rules = read_rule_set(args.path, args.overlay)
    if args.scaffold is not None:
        from firstseen.cli.scaffolding import scaffold

        sys.stdout.write(scaffold(rules, args.scaffold))
        return EXIT_DONE
    for fault in rules.faults:
        sys.stderr.write(f"{fault}\n")
    results = list(_results(rules))
    for result in results:
        _say(result, verbose=args.verbose)
    untested = _untested(rules)
    for title in untested:
        sys.stdout.write(f"no tests  {safe_text(title, MAX_TEXT)}\n")
    failed = sum(not result.passed for result in results)
    sys.stdout.write(f"{len(results) - failed} passed, {failed} failed; {len(untested)} rules carry no tests\n")
    if args.junit:
        _write(args.junit, junit(results, untested))
    if rules.faults:
        return EXIT_UNUSABLE
    return EXIT_FAILED if failed else EXIT_DONE


def _results(rules: RuleSet) -> Iterator[Result]:
    bases = {base.id: base for base in rules.bases}
    correlations = {one.card.id: one for one in rules.correlations}
    for test in rules.tests:
        base, correlation = bases.get(test.rule_id), correlations.get(test.rule_id)
        if correlation is not None and correlation.type != "match":
            members = {member.base_id: bases[member.base_id] for member in correlation.members}
            yield _result(test, correlation.card.title, "findings", partial(_found, rules, test, correlation, members))
        elif base is not None:
            yield _result(test, base.title, "events match", partial(_matched, rules, test, base))
        # else a fault of the rule has been told


def _result(test: RuleTest, title: str, what: str, run: Callable[[], Outcome]) -> Result:
    try:
        outcome = run()
    except RuleError as exc:
        outcome = Outcome(0, (str(exc),))
    reasons = list(outcome.problems)
    if outcome.number != test.expected:
        reasons.insert(0, f"expected {test.expected} {what}, got {outcome.number}")
    return Result(title, test.rule_id, test.name, test.place, tuple(reasons))


def _matched(rules: RuleSet, test: RuleTest, base: Base) -> Outcome:
    return matches(rules.tested(base, test), test.events)


def _found(rules: RuleSet, test: RuleTest, correlation: Correlation, members: Mapping[str, Base]) -> Outcome:
    tested = {base_id: rules.tested(base, test) for base_id, base in members.items()}
    return findings(correlation, tested, test.events)


def _untested(rules: RuleSet) -> list[str]:
    tested = {test.rule_id for test in rules.tests}
    return [one.card.title for one in rules.correlations if one.card.id not in tested]


def _say(result: Result, *, verbose: bool) -> None:
    name = f"{safe_text(result.title, MAX_TEXT)}: {safe_text(result.name, MAX_TEXT)}"
    if not result.passed:
        sys.stdout.write(f"FAILED  {name}\n        {result.place}\n")
        for reason in result.reasons:
            sys.stdout.write(f"        {safe_text(reason, MAX_TEXT)}\n")
    elif verbose:
        sys.stdout.write(f"passed  {name}\n")


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as exc:
        msg = f"{name}: cannot be written: {exc.strerror or exc}"
        raise SettingsError(msg) from exc
