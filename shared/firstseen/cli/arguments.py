"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import time

from firstseen.cli.rulefiles import is_rules
from firstseen.errors import SettingsError
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from firstseen.sources.times import parse_time

NOW_HELP = "the time of the run: 2026-10-01, or 2026-10-01T12:00:00Z (default: the clock)"


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """``--rules``, ``--source``, ``--now`` and the inputs."""
    parser.add_argument(
        "--rules", nargs="+", action="extend", required=True, metavar="PATH", help="rule files, folders, or a pack"
    )
    parser.add_argument("--source", choices=sorted(SOURCES), help="what the input is, instead of recognising it")
    parser.add_argument("--now", metavar="TIME", help=NOW_HELP)
    parser.add_argument("input", nargs="*", metavar="INPUT", help="files, folders, or - for standard input")


def rules_and_inputs(args: argparse.Namespace, *, optional: bool = False) -> tuple[list[str], list[str]]:
    """What ``--rules`` and INPUT name.

    ``--rules A B INPUT`` reads like one list to a parser: whatever follows the first path there and is no rule file
    is an input. Raises SettingsError when no input is left, unless both are ``optional``.
    """
    more = args.rules[1:]
    rules = [*args.rules[:1], *(one for one in more if is_rules(one))]
    inputs = [*(one for one in more if not is_rules(one)), *args.input]
    if not inputs and not optional:
        msg = "no INPUT: name files, folders, or - for standard input"
        raise SettingsError(msg)
    return rules, inputs


def now_of(args: argparse.Namespace) -> int:
    """``--now``, or the clock at this moment, in microseconds. Raises SettingsError."""
    if args.now is None:
        return time.time_ns() // 1000
    parsed = parse_time(args.now if "T" in args.now else f"{args.now}T00:00:00Z")
    if parsed is None:
        msg = f"--now {args.now!r}: not a time; write it like 2026-10-01 or 2026-10-01T12:00:00Z"
        raise SettingsError(msg)
    return parsed


def source_of(args: argparse.Namespace) -> Source | None:
    """``--source`` as a source."""
    return SOURCES[args.source] if args.source else None
