"""``firstseen expect``: this is known, until then. Who said so, when and why stay in the state."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from typing import TYPE_CHECKING

from firstseen.cli.live import add_state, finding_rows, live_store
from firstseen.cli.main import EXIT_DONE
from firstseen.cli.tables import CsvTable, aligned
from firstseen.cli.times import moment_us, span_us
from firstseen.errors import SettingsError
from firstseen.findings import expectations
from firstseen.findings.safe import safe_text
from firstseen.findings.times import DAY_US, iso

if TYPE_CHECKING:
    from firstseen.findings.expectations import Expectation

SUMMARY = "Expect what a finding reports, for some time; list, end and export what is expected."

MAX_EXPECTED_US = 366 * DAY_US
MAX_REASON_CHARS = 500

_ACTIONS = ("list", "end", "export")
_COLUMNS = ("until", "rule_id", "uid", "who", "made", "what", "reason")


def arguments(parser: argparse.ArgumentParser) -> None:
    """``expect UID --for 30d --reason TEXT``, ``expect list``, ``expect end UID``, ``expect export``."""
    parser.usage = (
        "firstseen expect UID --for 30d --reason TEXT [--state URL]\n"
        "       firstseen expect list [--all] [--format text|jsonl|csv] [--state URL]\n"
        "       firstseen expect end UID [--state URL]\n"
        "       firstseen expect export [UID …] [--state URL]"
    )
    parser.add_argument("what", metavar="UID|list|end|export", help="a finding's id, or what to do")
    parser.add_argument("uid", nargs="*", metavar="UID", help="for end and export: the finding that it was made from")
    parser.add_argument("--for", dest="span", metavar="SPAN", help="how long from now, like 12h, 30d; at most a year")
    parser.add_argument("--until", metavar="TIME", help="instead of --for: events before this time are expected")
    parser.add_argument("--reason", help="why, for those who ask later")
    parser.add_argument("--all", action="store_true", help="with list: those that have ended, too")
    parser.add_argument("--format", choices=("text", "jsonl", "csv"), default="text", help="of list")
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """Expect, or do one of the actions."""
    _check(args)
    match args.what:
        case "list":
            return _list(args)
        case "end":
            return _end(args)
        case "export":
            return _export(args)
    return _expect(args)


def _check(args: argparse.Namespace) -> None:
    """Options that the action does not know are a mistake: something else was meant."""
    faults = []
    if args.what in _ACTIONS and (args.span or args.until or args.reason):
        faults.append(f"--for, --until and --reason do not go with {args.what}")
    if args.what != "list" and (args.all or args.format != "text"):
        faults.append("--all and --format go with list")
    if args.what == "list" and args.uid:
        faults.append("list takes no UID")
    if args.what == "end" and not args.uid:
        faults.append("end needs the UID that 'firstseen expect list' shows")
    if args.what not in _ACTIONS and args.uid:
        faults.append("expect one finding at a time")
    if args.what not in _ACTIONS and bool(args.span) == bool(args.until):
        faults.append("say for how long: --for 30d, or --until TIME")
    if args.what not in _ACTIONS and not (args.reason or "").strip():
        faults.append("say why: --reason TEXT; it is kept for those who ask later")
    if faults:
        raise SettingsError("; ".join(faults))


def _now_us() -> int:
    return time.time_ns() // 1_000


def who() -> str:
    """The user of the operating system; its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _expect(args: argparse.Namespace) -> int:
    now_us = _now_us()
    until_us = now_us + span_us("--for", args.span) if args.span else moment_us("--until", args.until, now_us)
    if not now_us < until_us <= now_us + MAX_EXPECTED_US:
        msg = "an expectation ends in the future, within a year: what is normal for good belongs into a filter (export)"
        raise SettingsError(msg)
    with live_store(args) as store:
        (row,) = finding_rows(store, [args.what])
        if row.finding.kind != "finding":
            msg = f"{args.what} is firstseen's own message ({row.finding.kind}), not what a rule found"
            raise SettingsError(msg)
        reason = args.reason.strip()[:MAX_REASON_CHARS]
        made = expectations.expect(store, row.finding, until_us=until_us, reason=reason, who=who(), at_us=now_us)
    title = safe_text(row.finding.card.title, 120)
    print(f"expected until {iso(made.until_us)}: {title}: {safe_text(made.shown, 300)}")
    print(f"to end it sooner: firstseen expect end {args.what}")
    return EXIT_DONE


def _list(args: argparse.Namespace) -> int:
    now_us = _now_us()
    with live_store(args) as store:
        rows = sorted((one for _, one in expectations.expectations(store)), key=lambda one: (one.until_us, one.uid))
    shown = [one for one in rows if args.all or one.until_us > now_us]
    if args.format == "csv":
        table = CsvTable(sys.stdout, _COLUMNS)
        for one in shown:
            table.add(_cells(one))
    elif args.format == "jsonl":
        import orjson

        for one in shown:
            sys.stdout.buffer.write(orjson.dumps(dict(zip(_COLUMNS, _cells(one), strict=True))) + b"\n")
    elif shown:
        print(*aligned([_COLUMNS, *map(_cells, shown)]), sep="\n")
    else:
        ended = len(rows) - len(shown)
        print("nothing is expected" + (f" ({ended} ended: --all)" if ended else ""))
    return EXIT_DONE


def _cells(one: Expectation) -> tuple[str, ...]:
    return iso(one.until_us), one.rule_id, one.uid, one.who, iso(one.at_us), one.shown, one.reason


def _end(args: argparse.Namespace) -> int:
    now_us = _now_us()
    with live_store(args) as store:
        for row in finding_rows(store, args.uid):
            ended = expectations.end(store, row.finding, now_us=now_us)
            if ended is None or ended.until_us != now_us:  # there was none, or it ended before
                msg = f"nothing is expected for {row.finding.uid}: see 'firstseen expect list'"
                raise SettingsError(msg)
            print(f"ended: {safe_text(row.finding.card.title, 120)}: {safe_text(ended.shown, 300)}")
    return EXIT_DONE


def _export(args: argparse.Namespace) -> int:
    """Sigma filters to standard output; what cannot be said as a filter is named on standard error."""
    from firstseen.cli.filters import sigma_filter

    now_us = _now_us()
    with live_store(args) as store:
        live = [one for _, one in expectations.expectations(store) if one.until_us > now_us]
        missing = set(args.uid) - {one.uid for one in live}
        if missing:
            msg = f"nothing is expected for {', '.join(sorted(missing)[:5])}: see 'firstseen expect list'"
            raise SettingsError(msg)
        wanted = [one for one in live if not args.uid or one.uid in args.uid]
        rows = store.findings([one.uid for one in wanted])
    documents = []
    for one in sorted(wanted, key=lambda one: (one.rule_id, one.uid)):
        row = rows.get(one.uid)
        made = sigma_filter(one, row.finding) if row else "its finding is no longer in the state"
        if isinstance(made, str):
            sys.stderr.write(f"not exported: {one.uid}: {made}\n")
        else:
            documents.append(made)
    if documents:
        import yaml

        yaml.safe_dump_all(documents, sys.stdout, sort_keys=False, allow_unicode=True, width=100)
    sys.stderr.write(f"{len(documents)} of {len(wanted)} expectations exported\n")
    return EXIT_DONE
