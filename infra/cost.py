"""What firstseen costs: prices (assumptions, with their date) times operations that are measured; writes docs/cost.md.

``python infra/cost.py [--events NUMBER] [--write]``, with the tests' environment (make cost). It takes minutes: the
demo's events go through the real adapter on moto, by each way in.
"""
# ruff: noqa: INP001 - a script, no part of a package

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "shared")]

from firstseen.adapters.aws.dynamodb import WORKERS  # noqa: E402
from firstseen.cli.ruleset import RuleSet, read_rule_set  # noqa: E402 - found by the line above
from firstseen.language.pack import Pack  # noqa: E402
from firstseen.matching.patterns import Patterns, patterns_for  # noqa: E402
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL  # noqa: E402
from infra.aws.operations import BATCH_MESSAGES, WINDOW_US, Used, by_bus, by_trail, events, used  # noqa: E402

PAGE = ROOT / "docs" / "cost.md"
MILLION = 1_000_000
MONTH_SECONDS = 30 * 86_400
TO_AN_OBJECT = 200

PRICED = "November 2026, from memory of the public lists; without free tiers, taxes and discounts"
AWS = {
    "queue, a million requests": 0.40,
    "function, a million calls": 0.20,
    "function, a GB and second (arm64)": 0.0000133334,
    "table, a million writes (on demand, begun KB)": 0.7625,
    "table, a million reads (on demand, begun 4 KB)": 0.1525,
    "objects, a million reads": 0.43,
    "EventBridge, a million notifications of new objects": 1.00,
    "EventBridge, a million events of AWS on the own bus": 0.00,
    "EventBridge, a million events to another region or account": 1.00,
    "topic, a million findings": 0.50,
    "log, a GB": 0.63,
    "key, a month": 1.00,
    "alarm, a month": 0.10,
    "metric, a month": 0.30,
}
AZURE = {
    "event hub, a throughput unit (Standard), a month": 22.00,
    "event hub, a million events": 0.028,
    "function, a million calls": 0.40,
    "function, a GB and second": 0.000026,
    "table, a million transactions": 0.036,
    "log, a GB": 2.76,
    "alert rule every 15 minutes, a month": 0.50,
    "alert rule every 5 minutes, a month": 1.50,
    "findings, a million operations": 0.60,
}
FUNCTION_GB, CALL_SECONDS, WAIT_SECONDS, EVENTS_A_SECOND = 1.769, 0.005, 0.008, 20_000
"""The template's; a call's own work; a wait for the table, which answers within single-digit milliseconds; events that
one processor takes through the rules, parse and all, half of what docs/benchmarks.md has."""
LINE_BYTES, PLATFORM_BYTES = 379, 310
"""The line of metrics of a batch without a finding, which a test holds; the platform's own lines about a call."""
CALL_LOG_BYTES = LINE_BYTES + PLATFORM_BYTES
POLLS = 5 * MONTH_SECONDS / 20
"""Requests of an event source mapping to a queue that is empty: five readers, each of which waits twenty seconds."""
LOOKS = 2 * MONTH_SECONDS / 120
"""Of two containers for published rules: one read of an object every FIRSTSEEN_PACKS_SECONDS at most."""
ALARMS, METRICS, SWEEPS, SWEEP_SECONDS = 14, 13, 30 * 24 * (12 + 4 + 1), 0.2
AZURE_BATCH, AZURE_GB, AZURE_OPERATIONS_A_MATCH, AZURE_OPERATIONS_A_FINDING, AZURE_LOG_BYTES = 100, 2.0, 2, 15, 400
HUB_EVENTS_A_MONTH = 1_000 * MONTH_SECONDS * 0.2
"""Of a throughput unit, a fifth full, since logs come in bursts."""


@dataclass(frozen=True, slots=True)
class Size:
    """An organisation: what it is, and how many management events a month, in millions."""

    name: str
    accounts: int
    millions: float


AIM = 0.05
"""Dollars for a million management events, for the rules that name their calls."""

SIZES = (Size("small", 1, 1), Size("medium", 30, 30), Size("large", 500, 1_000))


def bus_cost(one: Used, events_seen: int, millions: float) -> dict[str, float]:
    """A million events by EventBridge, in dollars; ``events_seen``: of how many these were handed over."""
    messages = one.deliveries / events_seen
    rate = messages * millions * MILLION / MONTH_SECONDS
    to_a_batch = min(BATCH_MESSAGES, 1 + rate * WINDOW_US / MILLION)
    receives = max(1 / 10, 1 / to_a_batch)
    return {
        "queue": messages * (1 + 2 * receives) * AWS["queue, a million requests"],
        "function": messages / to_a_batch * _call(CALL_SECONDS + waiting_seconds(one, to_a_batch)),
        "log": messages / to_a_batch * CALL_LOG_BYTES * AWS["log, a GB"] / 1_000,
        **_table(one, events_seen),
    }


def trail_cost(one: Used) -> dict[str, float]:
    """A million events by the trail, in dollars."""
    objects = 1 / TO_AN_OBJECT
    seconds = CALL_SECONDS + TO_AN_OBJECT / EVENTS_A_SECOND + waiting_seconds(one, 1)
    return {
        "queue": objects * 3 * AWS["queue, a million requests"],
        "objects": objects
        * (AWS["objects, a million reads"] + AWS["EventBridge, a million notifications of new objects"]),
        "function": objects * _call(seconds),
        "log": objects * CALL_LOG_BYTES * AWS["log, a GB"] / 1_000,
        **_table(one, one.events),
    }


def _call(seconds: float) -> float:
    """A million calls."""
    return AWS["function, a million calls"] + seconds * FUNCTION_GB * AWS["function, a GB and second (arm64)"] * MILLION


def waiting_seconds(one: Used, to_a_batch: float) -> float:
    """How long a call waits for the table: once for all that it reads, then for its writes, several at a time."""
    writes = max(0, one.requests - one.batches) / max(1, one.deliveries) * to_a_batch
    return WAIT_SECONDS * (1 + min(writes, 1 + writes / WORKERS))


def _table(one: Used, of: int) -> dict[str, float]:
    return {
        "table, writes": one.writes / of * AWS["table, a million writes (on demand, begun KB)"],
        "table, reads": one.reads / of * AWS["table, a million reads (on demand, begun 4 KB)"],
        "topic": one.sent / of * AWS["topic, a million findings"],
    }


def fixed_cost() -> float:
    """A month of the stack without an event."""
    schedule = SWEEPS / MILLION * _call(SWEEP_SECONDS) + POLLS / MILLION * AWS["queue, a million requests"]
    looks = LOOKS / MILLION * AWS["objects, a million reads"]
    return AWS["key, a month"] + ALARMS * AWS["alarm, a month"] + METRICS * AWS["metric, a month"] + schedule + looks


def azure_cost(one: Used, millions: float) -> tuple[float, float]:
    """A month of the app without an event, and a million events; matches and findings as often as on AWS."""
    matches, findings = one.matches / one.events, one.findings / one.events
    units = max(1, round(millions * MILLION / HUB_EVENTS_A_MONTH + 0.5))
    alerts = 9 * AZURE["alert rule every 15 minutes, a month"] + AZURE["alert rule every 5 minutes, a month"]
    call = AZURE["function, a million calls"] + 0.1 * AZURE_GB * AZURE["function, a GB and second"] * MILLION
    million = (
        AZURE["event hub, a million events"]
        + call / AZURE_BATCH
        + AZURE["table, a million transactions"]
        * (matches * AZURE_OPERATIONS_A_MATCH + findings * AZURE_OPERATIONS_A_FINDING)
        + AZURE["log, a GB"] * AZURE_LOG_BYTES / AZURE_BATCH / 1_000
        + findings * AZURE["findings, a million operations"]
    )
    return units * AZURE["event hub, a throughput unit (Standard), a month"] + alerts, million


@dataclass(frozen=True, slots=True)
class Measured:
    """All that the tables are made of. ``patterns`` are of all rules, those that are not run by default among them;
    ``titles``: of the rules that use a base rule, by its id; ``by_name`` is what EventBridge hands over, with the
    rules that it can bring a finding of about.
    """

    patterns: Patterns
    titles: dict[str, set[str]]
    events: int
    by_name: Used
    by_trail: Used


def shipped_patterns(found: RuleSet, pack: Pack) -> Patterns:
    """What ``rules build --eventbridge`` makes of the rules."""
    bases, rules = found.standing_in(), [rule for rule in pack.correlations if rule.enabled]
    wanted = {member.base_id for rule in rules for member in rule.members}
    return patterns_for((bases[base.id] for base in pack.bases if base.id in wanted), CLOUDTRAIL, rules=rules)


def measure(number: int) -> Measured:
    """Take so many events of the demo both ways."""
    found = read_rule_set([str(ROOT / "shared" / "rules")])
    pack = found.pack()
    patterns = patterns_for(found.standing_in().values(), CLOUDTRAIL)
    with tempfile.TemporaryDirectory() as folder:
        some = events(Path(folder), number)
    rules = [one for one in pack.correlations if patterns.serves(one)]
    bases = {member.base_id for one in rules for member in one.members}
    named = Pack.of([base for base in pack.bases if base.id in bases], rules)
    titles: dict[str, set[str]] = {}
    for rule in pack.correlations:
        for member in rule.members:
            titles.setdefault(member.base_id, set()).add(rule.card.title)
    trail = used(pack, by_trail(some, TO_AN_OBJECT))
    return Measured(
        patterns, titles, trail.events, used(named, by_bus(some, shipped_patterns(found, pack).patterns)), trail
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown; all but the first column to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def dollars(number: float) -> str:
    """With as many digits as mean something."""
    return f"${number:,.0f}" if number >= 100 else f"${number:.2f}" if number >= 1 else f"${number:.3f}"  # noqa: PLR2004


def sections(one: Measured) -> dict[str, str]:
    """What stands between the markers of docs/cost.md."""
    quick = {size.name: bus_cost(one.by_name, one.events, size.millions) for size in SIZES}
    trail = trail_cost(one.by_trail)
    parts = [*trail, *(part for part in quick["small"] if part not in trail)]
    million = [
        (part, *(dollars(quick[size.name].get(part, 0)) for size in SIZES), dollars(trail.get(part, 0)))
        for part in parts
    ]
    million.append(
        (
            "**all**",
            *(f"**{dollars(sum(quick[size.name].values()))}**" for size in SIZES),
            f"**{dollars(sum(trail.values()))}**",
        )
    )
    months = [_month(one, size, sum(quick[size.name].values()), sum(trail.values())) for size in SIZES]
    share = one.by_name.deliveries / one.events
    about = [
        ("events", f"{one.by_name.deliveries:,}", f"{one.by_trail.events:,}"),
        ("share of all", f"{share:.1%}", "100%"),
        ("batches", f"{one.by_name.batches:,}", f"{one.by_trail.batches:,}"),
        ("matches", f"{one.by_name.matches:,}", f"{one.by_trail.matches:,}"),
        ("findings, sent singly", *(f"{way.findings:,}, {way.sent:,}" for way in (one.by_name, one.by_trail))),
        ("requests to the table", *(f"{way.requests:,}" for way in (one.by_name, one.by_trail))),
        ("units read", *(f"{way.reads:,.0f}" for way in (one.by_name, one.by_trail))),
        ("units written", *(f"{way.writes:,.0f}" for way in (one.by_name, one.by_trail))),
    ]
    prices = [
        (f"{cloud}: {name}", f"{price:.10g}")
        for cloud, of in (("AWS", AWS), ("Azure", AZURE))
        for name, price in of.items()
    ]
    head = ("a million management events", *(f"EventBridge, {size.name}" for size in SIZES), "trail")
    return {
        "prices": f"US dollars, eu-central-1 and West Europe; {PRICED}.\n\n{table(('what', 'price'), prices)}",
        "measured": table(
            (
                "the demo's events, after their first day",
                "by EventBridge, rules that name their calls",
                "by the trail, all rules",
            ),
            about,
        ),
        "million": f"{table(head, million)}\n\n{aim(share, [sum(one.values()) for one in quick.values()])}",
        "months": table(
            ("a month", "accounts", "events", "AWS, by EventBridge", "AWS, by the trail", "AWS, both", "Azure"), months
        ),
        "broad": "\n".join(_late(one)),
    }


def aim(share: float, costs: Sequence[float]) -> str:
    """How near that is: cost follows the share of events that are handed over, nearly in proportion."""
    low, high = (AIM / cost for cost in (max(costs), min(costs)))
    said = "reached by all" if low >= 1 else "missed by all" if high < 1 else "missed by the smaller"
    return (
        f"The aim for EventBridge's way is {dollars(AIM)}: {said}, with {share:.1%} of the events handed over. "
        f"It is reached where rules name no more than {share * low:.1%} (small) to {share * high:.1%} (large) of them."
    )


def _month(one: Measured, size: Size, quick: float, trail: float) -> tuple[str, ...]:
    fixed, (azure_fixed, azure) = fixed_cost(), azure_cost(one.by_trail, size.millions)
    sums = (fixed + quick * size.millions, fixed + trail * size.millions, fixed + (quick + trail) * size.millions)
    shown = (dollars(each) for each in (*sums, azure_fixed + azure * size.millions))
    return (size.name, f"{size.accounts:,}", f"{size.millions:,.0f} million", *shown)


def _late(one: Measured) -> Iterable[str]:
    """A line for each rule that a base rule's events reach by the trail."""
    broad = [(base, "names no call") for base in one.patterns.broad]
    late = [(base, ", ".join(calls)) for base, calls in one.patterns.late]
    for why in (broad, late):
        told = [(title, said) for base, said in why for title in one.titles.get(base.id, {base.title})]
        yield from (f"- {title}: {said}" for title, said in sorted(told))


def written(page: str, parts: dict[str, str]) -> str:
    """The page with these parts between its markers. Raises ValueError when a marker is missing."""
    for name, text in parts.items():
        place = re.compile(rf"(<!-- generated: {name} -->\n).*?(\n<!-- end: {name} -->)", re.DOTALL)
        page, number = place.subn(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)  # type: ignore[misc]
        if number != 1:
            msg = f"docs/cost.md has no place for {name}"
            raise ValueError(msg)
    return page


def main() -> int:
    """Measure, and print or write the tables."""
    parser = argparse.ArgumentParser(description="What firstseen costs.")
    parser.add_argument("--events", type=int, default=100_000, help="of the demo (default: 100000, minutes)")
    parser.add_argument("--write", action="store_true", help="into docs/cost.md")
    args = parser.parse_args()
    parts = sections(measure(args.events))
    if args.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")
    else:
        sys.stdout.write("\n\n".join(parts.values()) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
