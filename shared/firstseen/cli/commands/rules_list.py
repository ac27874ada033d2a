"""``firstseen rules list``: which rules there are, and what overlays change in them."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections import Counter

from firstseen.cli.main import EXIT_DONE, EXIT_UNUSABLE
from firstseen.cli.ruleset import RuleSet, read_rule_set
from firstseen.findings.safe import safe_text
from firstseen.language.rules import Correlation

SUMMARY = "List rules, with what overlays change."
MAX_CELL = 70
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("title", "level", "type", "status", "enabled", "tests", "sources", "needs", "tuned", "name", "id")

Row = dict[str, str | int | bool | list[str] | list[dict[str, str]]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules list [--format table|json|csv] PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files, folders, or a rule pack")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


def run(args: argparse.Namespace) -> int:
    """The list to standard output; what is at fault to standard error, and left out."""
    found = read_rule_set(args.path, args.overlay)
    write = {"table": _table, "json": _json, "csv": _csv}[args.format]
    sys.stdout.write(write(_rows(found)))
    for fault in found.faults:
        sys.stderr.write(f"{fault}\n")
    return EXIT_UNUSABLE if found.faults else EXIT_DONE


def _rows(found: RuleSet) -> list[Row]:
    """One row for each rule that makes findings, by title."""
    sources = {base.id: base.sources for base in found.bases}
    tests = Counter(test.rule_id for test in found.tests)
    return [
        _row(one, sorted({name for member in one.members for name in sources.get(member.base_id, ())}),
             tests[one.card.id], found)
        for one in sorted(found.correlations, key=lambda one: (one.card.title.casefold(), one.card.id))
    ]  # fmt: skip


def _row(one: Correlation, sources: list[str], tests: int, found: RuleSet) -> Row:
    card = one.card
    changes = found.changes.get(card.id, [])
    return {
        "id": card.id, "name": card.name, "title": card.title, "level": card.level, "risk_score": card.risk_score,
        "status": card.status, "type": one.type, "enabled": one.enabled, "sources": sources, "tests": tests,
        "needs": [f"list {name}" for name in found.needed_by(one)],
        "limit": one.limit, "learning_seconds": one.learning_us // 1_000_000, "tags": list(card.tags),
        "tuned": [{"what": each.what, "before": each.before, "after": each.after} for each in changes],
    }  # fmt: skip


def _json(rows: list[Row]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _csv(rows: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = list(rows[0]) if rows else list(COLUMNS)
    writer.writerow(names)
    for row in rows:
        cells = [_cell(row[name]) for name in names]
        # A cell that begins like a formula is one to a spreadsheet.
        writer.writerow(["'" + cell if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()


def _table(rows: list[Row]) -> str:
    cells = [list(COLUMNS), *([safe_text(_cell(row[name]), MAX_CELL) for name in COLUMNS] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        parts = [
            f"{one['what']}: {one['before']} → {one['after']}" if isinstance(one, dict) else str(one) for one in value
        ]
        return "; ".join(parts)
    return str(value)
