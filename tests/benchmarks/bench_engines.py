"""Other engines over the same file and the same rules, parsing included, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.measuring import ROOT, launched, number_of_lines, ratio
from tests.benchmarks.report import Report, table

HERE = Path(__file__).parent
OTHER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
FEW_EVENTS = 10_000
"""For the engine that asks every rule of every event in Python."""

NAMES = {
    "orjson": "orjson.loads, line by line",
    "firstseen": "firstseen",
    "sqlite": "pySigma's SQLite backend, flattened by orjson",
    "duckdb": "DuckDB, with that backend's SQL",
    "rule-matcher": f"sigma-rule-matcher, the first {FEW_EVENTS:,} events",
}
MOST_SHOWN = 10


@dataclass
class Taken:
    """What one engine used and found; a figure for each round."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    matches: set[tuple[str, int]] = field(default_factory=set)


def run(name: str, rules: Path, events: Path, out: Path, taken: Taken) -> None:
    arguments = [str(rules), str(events), str(out)]
    command = [sys.executable, str(HERE / "engines.py"), name, *arguments]
    if name == "rule-matcher":
        command = [str(OTHER_PYTHON), str(HERE / "engine_rule_matcher.py"), *arguments, str(FEW_EVENTS)]
    used = launched(command, keep=True)
    answer = json.loads(used.answer)
    taken.seconds.append(answer["cpu_seconds"])
    taken.peak_bytes = max(taken.peak_bytes, used.peak_bytes)
    taken.refused = answer["refused"]
    lines = (line.split() for line in out.read_text().splitlines())
    taken.matches = {(rule_id, int(place)) for rule_id, place in lines}


def test_other_engines(rules: Path, events: Path, number_of_rounds: int, report: Report, tmp_path: Path) -> None:
    """How fast, and whether they find the same. Without .venv-bench (`make bench` makes it) one is left out."""
    names = [name for name in NAMES if name != "rule-matcher" or OTHER_PYTHON.exists()]
    taken = {name: Taken() for name in names}
    for _ in range(number_of_rounds):
        for name in names:
            run(name, rules, events, tmp_path / name, taken[name])
    count = number_of_lines(events)
    rows = []
    for name in names:
        one, part = taken[name], FEW_EVENTS / count if name == "rule-matcher" else 1
        seconds = [taken_seconds / min(part, 1) for taken_seconds in one.seconds]
        rate = count / statistics.median(seconds) / 1000
        against = f"{ratio(taken['orjson'].seconds, seconds):.3f}"
        differing = "" if name in {"orjson", "firstseen"} else f"{len(differences(name, taken)):,}"
        rows.append((NAMES[name], f"{rate:,.0f}k", against, f"{one.peak_bytes / 1e6:,.0f} MB", differing))
    head = ("engine", "events/s", "rate against orjson", "peak memory", "matches that differ from ours")
    found = f"{len(taken['firstseen'].matches):,} matches in {count:,} events."
    report.add("engines", f"{found}\n\n{table(head, rows)}{_footnotes(taken)}")
    assert taken["firstseen"].matches


def differences(name: str, taken: dict[str, Taken]) -> set[tuple[str, int]]:
    """Matches of one side only, of rules that the engine did not refuse and events that it read."""
    other = taken[name]
    last = FEW_EVENTS if name == "rule-matcher" else sys.maxsize
    ours = {one for one in taken["firstseen"].matches if one[0] not in other.refused and one[1] <= last}
    return ours ^ {one for one in other.matches if one[0] not in other.refused}


def _footnotes(taken: dict[str, Taken]) -> str:
    lines = []
    for name, one in taken.items():
        if one.refused:
            lines.append(
                f"{NAMES[name]}: refused, or raised on, {len(one.refused)} of the rules; they are not compared."
            )
        if name not in {"orjson", "firstseen"}:
            by_rule = Counter(rule_id for rule_id, _ in differences(name, taken))
            lines.extend(
                f"{NAMES[name]}: rule {rule_id}: {number:,} matches differ."
                for rule_id, number in by_rule.most_common(MOST_SHOWN)
            )
    return "".join(f"\n{line}\n" for line in lines)
