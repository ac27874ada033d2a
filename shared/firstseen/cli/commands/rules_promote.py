"""``firstseen rules promote``: how noisy was each experimental rule? Quiet ones can be sent."""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firstseen.cli.live import add_state, live_store
from firstseen.cli.main import EXIT_DONE
from firstseen.cli.rulefiles import read_rule_files
from firstseen.cli.ruleset import load_pack
from firstseen.cli.tables import aligned
from firstseen.cli.times import moment_us
from firstseen.errors import SettingsError
from firstseen.findings.finding import key_of
from firstseen.findings.text import headline
from firstseen.findings.times import DAY_US, about
from firstseen.store.store import Query

if TYPE_CHECKING:
    from firstseen.findings.finding import Finding
    from firstseen.language.rules import Correlation
    from firstseen.store.store import Store

SUMMARY = "Show how noisy experimental rules were in a state, and promote those that are named."

EXPERIMENTAL: Final = "experimental"
PROMOTED: Final = "test"
MAX_EXAMPLES = 3
MAX_TITLE = 120

_ID = re.compile(r"id:\s*[\"']?([^\"'#\s]+)")
_STATUS = re.compile(r"(status:\s*)([\"']?)experimental\2(\s*(#.*)?)")


@dataclass(slots=True)
class Quietness:
    """What one experimental rule would have sent."""

    rule: Correlation
    findings: int = 0
    days: Counter[int] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count one."""
        self.findings += 1
        self.days[finding.time_us // DAY_US] += 1
        self.keys.add(key_of(finding.uid))
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(headline(finding))


def arguments(parser: argparse.ArgumentParser) -> None:
    """``rules promote [--since 30d] [--write RULE…] --state URL PATH…``."""
    parser.add_argument("path", nargs="+", metavar="PATH", help="rule files or folders")
    parser.add_argument("--since", default="30d", metavar="TIME", help="count from: 30d (default), or 2026-10-01")
    parser.add_argument(
        "--write", nargs="+", default=[], metavar="RULE", help=f"ids: set status: {PROMOTED} in their files"
    )
    add_state(parser)


def run(args: argparse.Namespace) -> int:
    """The table to standard output; the files of the rules named are changed."""
    rules = [one for one in load_pack(args.path).correlations if one.card.status == EXPERIMENTAL]
    unknown = set(args.write) - {one.card.id for one in rules}
    if unknown:
        msg = f"--write {', '.join(sorted(unknown)[:5])}: no experimental rule has this id"
        raise SettingsError(msg)
    now_us = time.time_ns() // 1_000
    since_us = moment_us("--since", args.since, now_us)
    with live_store(args) as store:
        counted = [_count(store, one, since_us) for one in rules]
    _print(counted, about(now_us - since_us))
    for rule_id in args.write:
        print(f"{_promote(args.path, rule_id)}: {rule_id} is {PROMOTED} now: build and deploy the rules")
    return EXIT_DONE


def _count(store: Store, rule: Correlation, since_us: int) -> Quietness:
    quietness = Quietness(rule)
    for row in store.scan_findings(Query(since_us=since_us, rule_id=rule.card.id, routing=EXPERIMENTAL)):
        quietness.add(row.finding)
    return quietness


def _print(counted: list[Quietness], length: str) -> None:
    if not counted:
        print("no rule is experimental")
        return
    rows = [("findings", "keys", "busiest day", "id", "rule")]
    for one in sorted(counted, key=lambda one: (one.findings, one.rule.card.title)):
        busiest = max(one.days.values(), default=0)
        rows.append((f"{one.findings:,}", f"{len(one.keys):,}", f"{busiest:,}", one.rule.card.id, one.rule.card.title))
    print(f"what experimental rules would have reported in {length}:")
    print(*aligned(rows, most=MAX_TITLE), sep="\n")
    for one in counted:
        for shown in one.examples:
            print(f"  {one.rule.card.id}: e.g. {shown}")


def _promote(paths: list[str], rule_id: str) -> str:
    """Change the one line of the rule's document; everything else in the file stays. Returns the file."""
    for name, data in read_rule_files(paths).items():
        text = data.decode("utf-8", "surrogateescape")
        lines = text.splitlines(keepends=True)
        for place in _document(lines, rule_id):
            found = _STATUS.match(lines[place])  # at the top level: nothing before it
            changed = _STATUS.sub(rf"\1\2{PROMOTED}\2\3", lines[place], count=1) if found else lines[place]
            if changed != lines[place]:
                lines[place] = changed
                _rewrite(name, "".join(lines))
                return name
    msg = f"{rule_id}: no line 'status: {EXPERIMENTAL}' beside its id in these files: change it where it is set"
    raise SettingsError(msg)


def _rewrite(name: str, text: str) -> None:
    try:
        Path(name).write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as exc:
        msg = f"{name}: cannot be written: {exc.strerror or exc}"
        raise SettingsError(msg) from exc


def _document(lines: list[str], rule_id: str) -> range:
    """The lines of the YAML document with this id at its top level."""
    start = 0
    found = False
    for place, line in enumerate([*lines, "---"]):
        if line.startswith("---"):
            if found:
                return range(start, place)
            start = place + 1
        named = _ID.match(line)
        found = found or (named is not None and named[1] == rule_id)
    return range(0)
