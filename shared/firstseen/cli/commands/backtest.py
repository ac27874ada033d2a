"""``firstseen backtest``: how noisy would these rules have been? State of its own; nobody is notified."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from firstseen.baseline.noise import Difference, Noise, difference, wide_bases
from firstseen.cli.arguments import add_inputs, rules_and_inputs
from firstseen.cli.backtesting import run_once
from firstseen.cli.inputs import find_inputs
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.rulefiles import is_rules
from firstseen.cli.ruleset import load_pack
from firstseen.cli.tables import aligned
from firstseen.errors import SettingsError
from firstseen.findings.times import DAY_US, iso

if TYPE_CHECKING:
    from firstseen.baseline.noise import Day, RuleNoise

MAX_TITLE = 120

SUMMARY = "Say how noisy rules would have been over logs, by rule and day; compare two versions."


def arguments(parser: argparse.ArgumentParser) -> None:
    """``backtest --rules PATH… [--against PATH…] [--from-state URL] INPUT…``."""
    add_inputs(parser)
    parser.add_argument(
        "--against", nargs="+", metavar="PATH", help="the rules as they were: say what is gained and lost"
    )
    parser.add_argument("--from-state", metavar="URL", help="begin with a copy of this state instead of an empty one")
    parser.add_argument("--days", action="store_true", help="with a line for each rule and day")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    """The report to standard output."""
    if args.against:  # what follows and is no rule file is an input, as after --rules
        first, *more = args.against
        args.against = [first, *(one for one in more if is_rules(one))]
        args.input = [*(one for one in more if not is_rules(one)), *args.input]
    rules, names = rules_and_inputs(args)
    inputs = find_inputs(names)
    if args.against and any(one.path is None for one in inputs):
        msg = "--against reads the input twice: name files, not standard input"
        raise SettingsError(msg)
    noise, rejected = run_once(args, load_pack(rules), inputs)
    changed = None
    if args.against:
        before, _ = run_once(args, load_pack(args.against), inputs, quiet=True)
        changed = difference(before, noise)
    if args.format == "json":
        import orjson

        sys.stdout.buffer.write(orjson.dumps(_data(noise, changed), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _print(noise, changed, days=args.days)
    return EXIT_REJECTED if rejected else EXIT_DONE


def _day(day: Day) -> str:
    return iso(day * DAY_US)[:10]


def _span(noise: Noise) -> tuple[Day, Day]:
    return (noise.first or 0, noise.last if noise.last is not None else -1)


def _data(noise: Noise, changed: Difference | None) -> dict[str, object]:
    first, last = _span(noise)
    data: dict[str, object] = {
        "events": noise.events,
        "first_day": _day(first) if noise.first is not None else None,
        "last_day": _day(last) if noise.last is not None else None,
        "rules": [_rule_data(one, first, last) for one in noise.rules.values()],
        "wide": [
            {"base_id": one.base_id, "title": one.title, "matches": one.matches, "share": round(one.share, 4)}
            for one in wide_bases(noise.pack, noise.bases, noise.events)
        ],
    }
    if changed is not None:
        data["against"] = {
            "gained": changed.gained,
            "lost": changed.lost,
            "gained_examples": list(changed.gained_examples),
            "lost_examples": list(changed.lost_examples),
            "complete": changed.complete,
        }
    return data


def _rule_data(one: RuleNoise, first: Day, last: Day) -> dict[str, object]:
    return {
        "rule_id": one.rule.card.id,
        "title": one.rule.card.title,
        "status": one.rule.card.status,
        "matches": one.matches.total(),
        "findings": one.findings.total(),
        "by_routing": one.by_routing(),
        "notifications": one.notifications.total(),
        "keys": one.keys,
        "settled_after_days": one.settled_after(first, last),
        "examples": one.examples,
        "days": [
            {
                "day": _day(day),
                "matches": one.matches[day],
                "findings": one.found(day),
                "notifications": one.notifications[day],
            }
            for day in range(first, last + 1)
            if one.matches[day] or one.found(day) or one.notifications[day]
        ],
    }


_COLUMNS = ("matches", "findings", "notified", "keys", "settled after", "rule")


def _print(noise: Noise, changed: Difference | None, *, days: bool) -> None:
    first, last = _span(noise)
    ordered = sorted(noise.rules.values(), key=lambda one: (-one.notifications.total(), one.rule.card.title))
    rows = [_COLUMNS, *(_row(one, first, last) for one in ordered)]
    print(f"{noise.events:,} events" + (f", matches from {_day(first)} to {_day(last)} (UTC)" if last >= first else ""))
    print(*aligned(rows, most=MAX_TITLE), sep="\n")
    for one in ordered:
        if one.findings:
            _print_rule(one, first, last, days=days)
    for wide in wide_bases(noise.pack, noise.bases, noise.events):
        print(
            f"\ntoo wide: {wide.title} ({wide.base_id}) takes {wide.share:.0%} of all events: name the calls it means"
        )
    if changed is not None:
        _print_difference(changed)


def _row(one: RuleNoise, first: Day, last: Day) -> tuple[str, ...]:
    settled = one.settled_after(first, last) if one.findings else 0
    return (
        f"{one.matches.total():,}",
        f"{one.findings.total():,}",
        f"{one.notifications.total():,}",
        f"{one.keys:,}",
        "not yet" if settled is None else f"{settled} days" if settled else "-",
        one.rule.card.title,
    )


def _print_rule(one: RuleNoise, first: Day, last: Day, *, days: bool) -> None:
    routed = ", ".join(f"{number:,} {routing}" for routing, number in one.by_routing().items())
    print(f"\n{one.rule.card.title} ({one.rule.card.id}): {routed}")
    for shown in one.examples:
        print(f"  e.g. {shown}")
    if days:
        rows = [("day", "matches", "findings", "notified")]
        rows += [
            (_day(day), f"{one.matches[day]:,}", f"{one.found(day):,}", f"{one.notifications[day]:,}")
            for day in range(first, last + 1)
        ]
        print(*(f"  {line}" for line in aligned(rows)), sep="\n")


def _print_difference(changed: Difference) -> None:
    print(f"\nagainst the other rules: {changed.gained:,} findings gained, {changed.lost:,} lost")
    for sign, examples in (("+", changed.gained_examples), ("-", changed.lost_examples)):
        for shown in examples:
            print(f"  {sign} {shown}")
    if not changed.complete:
        print("  there are too many findings to compare all: these numbers are too low")
