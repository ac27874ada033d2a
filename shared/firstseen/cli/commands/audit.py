"""``firstseen audit``: who may and who did run commands, what lies unused, old keys, sign-ins with one factor."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.cli.arguments import NOW_HELP, now_of, rules_and_inputs, source_of
from firstseen.cli.live import STATE_VARIABLE, add_state, live_store
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.errors import SettingsError
from firstseen.sources.registry import SOURCES

if TYPE_CHECKING:
    from firstseen.auditing.audit import Audit
    from firstseen.auditing.named import Names
    from firstseen.auditing.sections import Section

SUMMARY = "Say from logs and state who may and who did run commands, what lies unused, which keys are old."
NAMES = ("may", "ran", "unused", "keys", "no-mfa")
DEFAULT_DAYS = 90
MAX_DAYS = 10_000
MAX_CELL = 130


def arguments(parser: argparse.ArgumentParser) -> None:
    """``audit [--section NAME]… [--format table|csv|json] [--rules PATH…] [--state URL] [INPUT…]``."""
    parser.add_argument(
        "--section", action="append", choices=NAMES, default=[], help="only this one; may be given again (default: all)"
    )
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument("--output", metavar="FOLDER", help="csv: write a file a section into this folder")
    parser.add_argument("--unused-days", type=_days, default=DEFAULT_DAYS, metavar="N", help="unused for (default: 90)")
    parser.add_argument("--key-days", type=_days, default=DEFAULT_DAYS, metavar="N", help="keys of (default: 90)")
    what = "a pack, or rules: what accounts are called"
    parser.add_argument("--rules", nargs="+", action="extend", default=[], metavar="PATH", help=what)
    parser.add_argument("--source", choices=sorted(SOURCES), help="what the input is, instead of recognising it")
    parser.add_argument("--now", metavar="TIME", help=NOW_HELP)
    add_state(parser)
    parser.add_argument("input", nargs="*", metavar="INPUT", help="files, folders, or - for standard input")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MAX_DAYS:
        msg = f"{text!r}: write a number of days, 1 to {MAX_DAYS:,}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def run(args: argparse.Namespace) -> int:
    """The tables to standard output; what was read, and what could not be, to standard error."""
    from firstseen.auditing.audit import Audit
    from firstseen.auditing.sections import Question, sections

    names = tuple(name for name in NAMES if name in args.section or not args.section)
    if args.format == "csv" and not args.output and len(names) > 1:
        msg = "csv is one table: choose a --section, or name a folder with --output"
        raise SettingsError(msg)
    if args.output and args.format != "csv":
        msg = "--output goes with --format csv"
        raise SettingsError(msg)
    rules, args.input = rules_and_inputs(args, optional=True)
    audit, now_us, called = Audit(), now_of(args), _called(rules)
    rejected = _hear(args, audit, now_us)
    found = list(sections(audit, Question(now_us, args.unused_days, args.key_days), names))
    _write(args, found, {**dict(audit.accounts.items()), **called})
    if args.state or not args.input:
        sys.stderr.write("of a state only the events that made findings are known: numbers are at least so high\n")
    _say(audit, found, now_us, args.unused_days)
    return EXIT_REJECTED if rejected else EXIT_DONE


def _hear(args: argparse.Namespace, audit: Audit, now_us: int) -> int:
    """Read what is named; the number of rejects. The environment's state counts only where no input is named."""
    from firstseen.cli import console
    from firstseen.cli.auditing import hear_inputs, hear_state
    from firstseen.cli.inputs import find_inputs

    if not args.input and not args.state and not os.environ.get(STATE_VARIABLE):
        msg = f"nothing to look at: name logs (INPUT), or a state with --state or {STATE_VARIABLE}"
        raise SettingsError(msg)
    rejected = 0
    if args.input:
        inputs = find_inputs(args.input)
        with console.progress("reading", inputs) as advance:
            rejected = hear_inputs(audit, inputs, advance, received_us=now_us, source=source_of(args))
    if args.state or not args.input:
        with live_store(args) as store:
            hear_state(audit, store)
    return rejected


def _called(rules: list[str]) -> Names:
    """What the rules call accounts: newer names than those in a state."""
    from firstseen.cli.ruleset import load_pack

    return {one.id.casefold(): one.name for one in load_pack(rules).accounts} if rules else {}


def _write(args: argparse.Namespace, found: list[Section], names: Names) -> None:
    from firstseen.cli.writing import write_text

    if args.format == "json":
        write_text("-", _json(found, names))
    elif args.format == "table":
        write_text("-", "\n".join(_table(one, names) for one in found))
    elif not args.output:
        write_text("-", _csv(found[0], names))
    else:
        folder = Path(args.output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            msg = f"--output {args.output}: cannot be made: {exc.strerror or exc}"
            raise SettingsError(msg) from exc
        for one in found:
            write_text(str(folder / f"{one.name}.csv"), _csv(one, names))


def _table(one: Section, names: Names) -> str:
    from firstseen.auditing.named import for_people
    from firstseen.cli.tables import aligned

    lines = aligned([one.columns, *for_people(one, names)], most=MAX_CELL) if one.rows else ["none"]
    return "\n".join((f"{one.title} ({one.name}): {len(one.rows):,}", *(f"  {line}" for line in lines))) + "\n"


def _csv(one: Section, names: Names) -> str:
    from firstseen.auditing.named import for_people
    from firstseen.cli.tables import CsvTable

    out = io.StringIO()
    table = CsvTable(out, one.columns)
    for row in for_people(one, names):
        table.add(row)
    return out.getvalue()


def _json(found: list[Section], names: Names) -> str:
    from firstseen.auditing.named import for_programs

    body = [
        {
            "section": one.name,
            "title": one.title,
            "left_out": one.left_out,
            "rows": for_programs(one, names),
        }
        for one in found
    ]
    return json.dumps(body, indent=2) + "\n"  # ASCII: nothing of it reaches a terminal as it is


def _say(audit: Audit, found: list[Section], now_us: int, unused_days: int) -> None:
    """What the answer rests upon, where that is less than somebody may think."""
    from firstseen.findings.times import DAY_US, iso

    events = audit.events
    span = f", from {iso(events.first_us)[:10]} to {iso(events.last_us)[:10]}" if events.times else ""
    sys.stderr.write(f"{events.times:,} events{span}\n")
    if "unused" in {one.name for one in found} and events.times:
        known_days = (now_us - events.first_us) // DAY_US
        if known_days < unused_days:
            sys.stderr.write(
                f"these logs go back {known_days} days: they cannot show what was unused for {unused_days} days\n"
            )
    for one in found:
        if one.left_out:
            sys.stderr.write(f"{one.name}: the table is full, {one.left_out:,} events of further rows are not in it\n")
    if audit.remembered.full:
        sys.stderr.write("so many events counted that copies are no longer told apart: numbers may be too high\n")
