"""The whole commands, from the start of the process to its end, against reading the file's lines and no more."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path

import pytest

from firstseen.language.frontends.loading import build_pack
from tests.benchmarks.measuring import launched, number_of_lines, ratio, rounds
from tests.benchmarks.report import Report, table

READING = str(Path(__file__).with_name("reading.py"))
FIRSTSEEN = (sys.executable, "-m", "firstseen.cli")
NOW = ("--now", "2030-01-01T00:00:00Z")
TIMES_AS_LARGE = 10
ENOUGH_EVENTS = 100_000
"""With fewer, starting the commands is most of what is measured."""

MOST_BYTES = 200_000_000


@pytest.fixture(scope="session")
def larger(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same events over and over, in one file."""
    path = tmp_path_factory.mktemp("larger") / "cloudtrail.jsonl"
    content = events.read_bytes()
    with path.open("wb") as file:
        file.writelines(repeat(content, TIMES_AS_LARGE))
    return path


def command(name: str, rules: Path, events: Path) -> list[str]:
    return [*FIRSTSEEN, name, "--format", "jsonl", *NOW, "--rules", str(rules), str(events)]


def kind(rules: Path) -> str:
    files = {str(path): path.read_bytes() for path in sorted(rules.rglob("*.yml"))}
    return f"{len(build_pack(files).bases)} rules"


def test_whole_commands(  # noqa: PLR0913, PLR0917 - what is measured, and how
    rules: Path, shipped: Path, events: Path, number_of_rounds: int, report: Report, tmp_path: Path
) -> None:
    """`match` and `replay` over the file, and over an empty one: what starting them costs.

    The comparable rules have no memory: to `replay` each match is a finding, which measures something else.
    """
    nothing = tmp_path / "empty.jsonl"
    nothing.touch()
    commands: dict[str, Sequence[str]] = {
        "orjson.loads, line by line": [sys.executable, READING, "orjson", str(events)],
        "json.loads, line by line": [sys.executable, READING, "json", str(events)],
    }
    for folder, what, name in (
        (shipped, "match", f"the {kind(shipped)} that are shipped"),
        (shipped, "replay", f"the {kind(shipped)} that are shipped"),
        (rules, "match", kind(rules)),
    ):
        commands[f"`{what}`, {name}"] = command(what, folder, events)
    commands[f"`match`, {kind(rules)}, an empty file"] = command("match", rules, nothing)
    taken = rounds(commands, number_of_rounds)
    count = number_of_lines(events)
    cpu = {name: [one.cpu_seconds for one in used] for name, used in taken.items()}
    report.add("commands", f"{count:,} events of {events.stat().st_size / count:,.0f} bytes.\n\n{_rows(cpu, count)}")
    ratios = {name: ratio(next(iter(cpu.values())), seconds) for name, seconds in cpu.items()}
    if count >= ENOUGH_EVENTS:
        assert ratios[f"`match`, the {kind(shipped)} that are shipped"] > 1 / 2


def _rows(cpu: Mapping[str, Sequence[float]], count: int) -> str:
    first = next(iter(cpu.values()))
    rows = []
    for name, seconds in cpu.items():
        median = statistics.median(seconds)
        empty = name.endswith("an empty file")
        rate = "" if empty else f"{count / median / 1000:,.0f}k"
        rows.append((name, f"{median:.2f}", rate, "" if empty else f"{ratio(first, seconds):.2f}"))
    return table(("process", "processor seconds", "events/s", "rate against orjson"), rows)


def test_memory_of_whole_commands(rules: Path, shipped: Path, events: Path, larger: Path, report: Report) -> None:
    """Peak memory over the file, and over one ten times as large."""
    rows = []
    peaks: list[int] = []
    for folder, what in ((shipped, "match"), (shipped, "replay"), (rules, "match")):
        small, large = (launched(command(what, folder, file)).peak_bytes for file in (events, larger))
        peaks.append(large)
        rows.append((f"`{what}`, {kind(folder)}", f"{small / 1e6:,.0f} MB", f"{large / 1e6:,.0f} MB"))
    head = ("process", f"{events.stat().st_size / 1e6:,.0f} MB", f"{larger.stat().st_size / 1e6:,.0f} MB")
    report.add("memory", table(head, rows))
    assert max(peaks) < MOST_BYTES, f"more than {MOST_BYTES / 1e6:.0f} MB"
