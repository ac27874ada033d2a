"""``firstseen rules example``: an event, or a sequence of events, that makes a rule fire; and ones that just do not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from firstseen.cli.chosen import add_rules, choose
from firstseen.cli.exampling import Shown, examples_of
from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE
from firstseen.cli.proving import encoded
from firstseen.findings.safe import safe_text
from firstseen.language.examples.search import Unsolved

MAX_SAID = 1_000
SUMMARY = "Make an example event, or sequence of events, for a rule."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules example [--near-miss] RULE… PATH…``."""
    add_rules(parser)
    parser.add_argument(
        "--near-miss", action="store_true", help="events that differ in one place, and for which the rule does not hold"
    )


def run(args: argparse.Namespace) -> int:
    """Events to standard output, a JSON object a line; what they show to standard error."""
    rules, chosen = choose(args)
    bases = rules.standing_in()
    unsolved = 0
    for one in chosen:
        found = examples_of(bases[one.base.id] if one.base else None, one.correlation, bases)
        if isinstance(found, Unsolved):
            unsolved += 1
            sys.stderr.write(safe_text(f"{one.title}: no example: {found.reason}", MAX_SAID) + "\n")
            continue
        for shown in _wanted(found, near=args.near_miss):
            sys.stderr.write(safe_text(f"{one.title}: {shown.says}", MAX_SAID) + "\n")
            sys.stdout.buffer.writelines(encoded(view) + b"\n" for view in shown.views)
    for fault in rules.faults:
        sys.stderr.write(f"{fault}\n")
    return EXIT_UNUSABLE if unsolved or rules.faults else EXIT_DONE


def _wanted(found: list[Shown], *, near: bool) -> Iterator[Shown]:
    return iter(found[1:] if near else found[:1])
