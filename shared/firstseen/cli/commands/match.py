"""``firstseen match``: grep for rules. No state, one line a match, in the order of the input."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterator

from firstseen.adapters.local.addresses import sources_for
from firstseen.cli import console
from firstseen.cli.arguments import add_inputs, now_of, rules_and_inputs, source_of
from firstseen.cli.inputs import Advance, Input, find_inputs
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.matchlines import Templates
from firstseen.cli.reading import scan
from firstseen.cli.rulefiles import PACK_START, read_rule_files
from firstseen.language.pack import Pack, load
from firstseen.matching.engine import Engine
from firstseen.sources.event import Reject

MAX_SHOWN = 300

_Lines = Iterator[tuple[Input, bytes | Reject]]

SUMMARY = "Show which events match which rules, without state."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``match --rules PATH… [--format text|jsonl] [--explain] [--only RULE] INPUT…``."""
    add_inputs(parser)
    parser.add_argument("--format", choices=("text", "jsonl"), default="text")
    parser.add_argument(
        "--explain", action="store_true", help="show each condition of a rule with its answer and the values it saw"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="RULE",
        help="explain only this rule (id, name or title), and also where it does not match",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Write the matches to standard output."""
    rules, names = rules_and_inputs(args)
    pack = _pack(rules)
    inputs = find_inputs(names)
    gc.freeze()  # what is there now stays: looking through it again and again takes a tenth of the time
    if args.explain or args.only:
        return _explain(args, pack, inputs)
    found = _json_lines if args.format == "jsonl" else _text_lines
    rejected = 0
    write = sys.stdout.buffer.write
    with console.progress("matching", inputs) as advance:
        for one, item in found(args, pack, inputs, advance):
            if isinstance(item, Reject):
                rejected += 1
                console.say_reject(one.name, item)
            else:
                write(item)
    if rejected:
        sys.stderr.write(f"{rejected:,} rejected\n")
    return EXIT_REJECTED if rejected else EXIT_DONE


def _pack(names: list[str]) -> Pack:
    """The pack of these rules. One that was built needs no front end: importing those takes a third of a second."""
    files = read_rule_files(names)
    only = next(iter(files.values())) if len(files) == 1 else b""
    if only.startswith(PACK_START):
        return load(only)
    from firstseen.cli.ruleset import load_pack

    return load_pack(names)


def _explain(args: argparse.Namespace, pack: Pack, inputs: list[Input]) -> int:
    from firstseen.cli.explaining import Asked, write_explained

    with console.progress("matching", inputs) as advance:
        asked = Asked(pack, tuple(args.only), args.format)
        rejected = write_explained(asked, inputs, advance, received_us=now_of(args), source=source_of(args))
    return EXIT_REJECTED if rejected else EXIT_DONE


def _json_lines(args: argparse.Namespace, pack: Pack, inputs: list[Input], advance: Advance) -> _Lines:
    """Most events are never read in full: their id is enough. What findings are made with is not even imported."""
    ids = [base.id if base.listed else None for base in pack.bases]
    begin = Engine(pack, sources_for(pack, os.environ)).sightings
    templates: dict[tuple[str, str], Templates] = {}
    for one, item in scan(begin, inputs, advance, received_us=now_of(args), source=source_of(args), count=Counter()):
        if isinstance(item, Reject):
            yield one, item
            continue
        if item.failed:
            from firstseen.deliveries import raised

            yield from ((one, reject) for reject in raised(item))
        if (one.name, item.source.name) not in templates:
            templates = {(one.name, item.source.name): Templates(ids, item.source.name, one.name)}
        yield one, templates[one.name, item.source.name].lines(item.hits)


def _text_lines(args: argparse.Namespace, pack: Pack, inputs: list[Input], advance: Advance) -> _Lines:
    from firstseen.deliveries import raised
    from firstseen.findings import build
    from firstseen.findings.safe import safe_text
    from firstseen.findings.times import iso

    titles = [base.title if base.listed else None for base in pack.bases]
    begin = Engine(pack, sources_for(pack, os.environ)).scan
    for one, item in scan(begin, inputs, advance, received_us=now_of(args), source=source_of(args), count=Counter()):
        if isinstance(item, Reject):
            yield one, item
            continue
        yield from ((one, reject) for reject in raised(item))
        for remark in item.event.remarks:
            console.say_remark(f"{one.name}:{item.place}", remark)
        facts = dict(build.facts(item.event))
        who, action = facts.get("actor", "-"), facts.get("action", "-")
        for title in (titles[index] for index in item.bases):
            if title is not None:
                shown = (iso(item.event.time_us), title, action, who, f"{one.name}:{item.place}")
                yield one, "  ".join(safe_text(text, MAX_SHOWN) for text in shown).encode() + b"\n"
