"""``firstseen match``: grep for rules. No state, one line a match, in the order of the input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import orjson

from firstseen.cli import console
from firstseen.cli.arguments import add_inputs, now_of, rules_and_inputs, source_of
from firstseen.cli.inputs import Input, find_inputs
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.reading import scan
from firstseen.cli.rulefiles import load_pack
from firstseen.findings import build
from firstseen.findings.safe import safe_text
from firstseen.findings.times import iso
from firstseen.language.pack import Pack
from firstseen.matching.engine import Engine, Found
from firstseen.pipeline import raised
from firstseen.sources.event import Reject

_Lines = Callable[[Input, Found], Iterator[bytes]]

MAX_SHOWN = 300

SUMMARY = "Show which events match which rules, without state."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``match --rules PATH… [--format text|jsonl] INPUT…``."""
    add_inputs(parser)
    parser.add_argument("--format", choices=("text", "jsonl"), default="text")


def run(args: argparse.Namespace) -> int:
    """Write the matches to standard output."""
    rules, names = rules_and_inputs(args)
    pack = load_pack(rules)
    engine = Engine(pack)
    inputs = find_inputs(names)
    rejected = False
    write = sys.stdout.buffer.write
    line_of = _json_lines(pack) if args.format == "jsonl" else _text_lines(pack)
    with console.progress("matching", inputs) as advance:
        for one, item in scan(engine, inputs, advance, received_us=now_of(args), source=source_of(args)):
            if isinstance(item, Reject):
                rejected = True
                console.say_reject(one.name, item)
                continue
            for reject in raised(item):
                rejected = True
                console.say_reject(one.name, reject)
            write(b"".join(line_of(one, item)))
    return EXIT_REJECTED if rejected else EXIT_DONE


def _json_lines(pack: Pack) -> _Lines:
    ids = [base.id if base.listed else None for base in pack.bases]

    def lines(one: Input, found: Found) -> Iterator[bytes]:
        for index in found.bases:
            if ids[index] is not None:
                yield orjson.dumps(
                    {
                        "rule_id": ids[index],
                        "event_id": found.event.id,
                        "source": found.event.source.name,
                        "input": one.name,
                        "line": found.place,
                    },
                    option=orjson.OPT_APPEND_NEWLINE,
                )

    return lines


def _text_lines(pack: Pack) -> _Lines:
    titles = [base.title if base.listed else None for base in pack.bases]

    def lines(one: Input, found: Found) -> Iterator[bytes]:
        facts = dict(build.facts(found.event))
        who, action = facts.get("actor", "-"), facts.get("action", "-")
        for index in found.bases:
            title = titles[index]
            if title is not None:
                shown = (iso(found.event.time_us), title, action, who, f"{one.name}:{found.place}")
                yield "  ".join(safe_text(text, MAX_SHOWN) for text in shown).encode() + b"\n"

    return lines
