"""``firstseen findings``: what was found, from any state."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, get_args

from firstseen.cli import console
from firstseen.cli.live import add_state, finding_rows, live_store
from firstseen.cli.main import EXIT_DONE
from firstseen.cli.tables import CsvTable
from firstseen.cli.times import moment_us
from firstseen.errors import SettingsError
from firstseen.findings.finding import Finding, Kind, Routing, Status
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.store.store import FindingRow, Query

if TYPE_CHECKING:
    from firstseen.store.store import Store

SUMMARY = "List and show the findings of a state."

COLUMNS = (
    "time", "level", "routing", "status", "uid", "rule_id", "title", "actor", "action", "account", "region",
    "resource", "source_ip", "reason", "event_id", "pointer",
)  # fmt: skip

_FACTS = ("actor", "action", "account", "region", "resource", "source.ip")
_PRINCIPAL = ("actor", "session", "access_key")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_Write = Callable[[FindingRow], None]


def arguments(parser: argparse.ArgumentParser) -> None:
    """``findings list [filters]``, ``findings show UID…``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="one line a finding, oldest first")
    listed.add_argument("--since", metavar="TIME", help="event time from: 2026-10-01, 2026-10-01T12:00:00Z, or 7d")
    listed.add_argument("--until", metavar="TIME", help="event time before")
    listed.add_argument("--rule", metavar="RULE", help="id, name or title of the rule")
    listed.add_argument("--principal", metavar="TEXT", help="part of who did it: role, user, session or access key")
    listed.add_argument("--routing", choices=get_args(Routing), help="where the finding was to go")
    listed.add_argument("--kind", choices=get_args(Kind), help="what rules found, or a message of firstseen's own")
    listed.add_argument("--status", choices=get_args(Status), help="what became of it")
    show = actions.add_parser("show", help="findings in full")
    show.add_argument("uid", nargs="+", metavar="UID")
    show.add_argument("--raw", action="store_true", help="with the event as it was logged")
    for one in (listed, show):
        add_state(one)
        one.add_argument("--format", choices=("text", "jsonl", "csv"), default="text")
    listed.set_defaults(action_run=_list)
    show.set_defaults(action_run=_show)


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.action_run(args)
    return status


def _list(args: argparse.Namespace) -> int:
    now_us = time.time_ns() // 1_000
    since_us, until_us = (
        moment_us(f"--{name}", text, now_us) if (text := getattr(args, name)) else None for name in ("since", "until")
    )
    if since_us is not None and until_us is not None and since_us >= until_us:
        msg = f"--since {args.since} is not before --until {args.until}"
        raise SettingsError(msg)
    rule_id = args.rule if args.rule and _UUID.fullmatch(args.rule) else None
    query = Query(since_us, until_us, rule_id, args.routing, args.status)
    number = 0
    write = _writer(args.format, _line)
    with live_store(args) as store:
        for row in _wanted(store, query, args.rule, args.principal):
            if args.kind not in (None, row.finding.kind):
                continue
            write(row)
            number += 1
    if sys.stderr.isatty():
        sys.stderr.write(f"{number:,} finding{'s' if number != 1 else ''}\n")
    return EXIT_DONE


def _wanted(store: Store, query: Query, rule: str | None, principal: str | None) -> Iterator[FindingRow]:
    part = principal.casefold() if principal else ""
    for row in store.scan_findings(query):
        if row.finding.routing == "canary" and query.routing != "canary":
            continue  # nobody's act: shown to who asks for it
        card = row.finding.card
        if rule and rule not in (card.id, card.name, card.title):
            continue
        if part and not any(part in row.finding.fact(name).casefold() for name in _PRINCIPAL):
            continue
        yield row


def _show(args: argparse.Namespace) -> int:
    with live_store(args) as store:
        rows = finding_rows(store, args.uid)
    write = _writer(args.format, _full(raw=args.raw))
    for row in rows:
        write(row)
    return EXIT_DONE


def _writer(form: str, text: Callable[[FindingRow], str]) -> _Write:
    """What writes a row to standard output in this form."""
    out = sys.stdout
    if form == "csv":
        table = CsvTable(out, COLUMNS)
        return lambda row: table.add(_cells(row))
    if form == "jsonl":
        from firstseen.findings.ocsf import ocsf_bytes

        return lambda row: _write_bytes(ocsf_bytes(row.finding) + b"\n")
    return lambda row: _write_bytes(text(row).encode(out.encoding or "utf-8", "backslashreplace"))


def _write_bytes(data: bytes) -> None:
    sys.stdout.buffer.write(data)


def _line(row: FindingRow) -> str:
    """Time, what became of it, its id, and the headline of the text form."""
    from firstseen.findings.text import headline

    finding = row.finding
    became = row.status if finding.routing == "send" else finding.routing
    return f"{iso(finding.time_us):20}  {became:12}  {finding.uid:34}  {headline(finding)}\n"


def _full(*, raw: bool) -> Callable[[FindingRow], str]:
    """The text form with what became of the finding below it."""
    first = True
    colour = console.colour_wanted(sys.stdout)

    def shown(row: FindingRow) -> str:
        nonlocal first
        from firstseen.findings.text import to_text

        finding, gap = row.finding, "" if first else "\n"
        first = False
        label = "\x1b[1mBecame\x1b[0m" if colour else "Became"
        said = f"{gap}{to_text(finding)}\n{label}\n  {finding.routing}, {row.status}\n"
        return f"{said}\nEvent\n  {_event(finding)}\n" if raw else said

    return shown


def _event(finding: Finding) -> str:
    """The event on one line, safe to show."""
    cut = f" (cut: {finding.raw_bytes:,} bytes)" if len(finding.raw.encode()) < finding.raw_bytes else ""
    return safe_text(finding.raw, len(finding.raw)) + cut


def _cells(row: FindingRow) -> tuple[str, ...]:
    one = row.finding
    event_id = one.related[0].event_id if one.related else ""
    return (
        iso(one.time_us), one.card.level, one.routing, row.status, one.uid, one.card.id, one.card.title,
        *map(one.fact, _FACTS), one.reason, event_id, one.pointer,
    )  # fmt: skip
