"""The whole commands, from the start of the process to its end, against reading the file's lines and no more."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path

import pytest

from firstseen.cli.ruleset import load_pack
from firstseen.language.pack import Pack, dump
from tests.benchmarks.bench_match import quieter, read
from tests.benchmarks.measuring import launched, number_of_lines, ratio, rounds
from tests.benchmarks.report import Report, table

READING = str(Path(__file__).with_name("reading.py"))
FIRSTSEEN = (sys.executable, "-m", "firstseen.cli")
NOW = ("--now", "2030-01-01T00:00:00Z")
TIMES_AS_LARGE = 10
ENOUGH_EVENTS = 100_000
"""With fewer, starting the commands is most of what is measured."""

LEAST_RATE = 0.6
"""Of orjson's, on a machine that is busy with something else."""

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


def built(pack: Pack, folder: Path) -> Path:
    """The pack as `firstseen rules build` writes it."""
    path = folder / f"{pack.version}.pack"
    path.write_bytes(dump(pack))
    return path


def test_whole_commands(  # noqa: PLR0913, PLR0917 - what is measured, and how
    rules: Path, shipped: Path, events: Path, number_of_rounds: int, report: Report, tmp_path: Path
) -> None:
    """`match` and `replay` over the file, and `match` over an empty one: what starting it costs.

    The comparable rules have no memory: to `replay` each match is a finding, which measures something else.
    """
    nothing = tmp_path / "empty.jsonl"
    nothing.touch()
    own, comparable = load_pack([str(shipped)]), load_pack([str(rules)])
    calm = quieter(comparable, read(events))
    many, few = len(own.bases), len(comparable.bases)
    measured = f"`match`, {few} rules, built"
    commands: dict[str, Sequence[str]] = {
        "orjson.loads, line by line": [sys.executable, READING, "orjson", str(events)],
        "json.loads, line by line": [sys.executable, READING, "json", str(events)],
        measured: command("match", built(comparable, tmp_path), events),
        f"`match`, {len(calm.bases)} of them, without the one that matches most": command(
            "match", built(calm, tmp_path), events
        ),
        f"`match`, {few} rules, from their files": command("match", rules, events),
        f"`match`, the {many} rules that are shipped, built": command("match", built(own, tmp_path), events),
        f"`replay`, the {many} rules that are shipped, built": command("replay", built(own, tmp_path), events),
        f"`match`, {few} rules, built, an empty file": command("match", built(comparable, tmp_path), nothing),
        f"`match`, {few} rules, from their files, an empty file": command("match", rules, nothing),
    }
    taken = rounds(commands, number_of_rounds)
    count = number_of_lines(events)
    cpu = {name: [one.cpu_seconds for one in used] for name, used in taken.items()}
    report.add("commands", f"{count:,} events of {events.stat().st_size / count:,.0f} bytes.\n\n{_rows(cpu, count)}")
    if count >= ENOUGH_EVENTS:
        assert ratio(next(iter(cpu.values())), cpu[measured]) > LEAST_RATE


def _rows(cpu: Mapping[str, Sequence[float]], count: int) -> str:
    first = next(iter(cpu.values()))
    rows = []
    for name, seconds in cpu.items():
        median = statistics.median(seconds)
        empty = name.endswith("an empty file")
        rate = "" if empty else f"{count / median / 1000:,.0f}k"
        rows.append((name, f"{median:.2f}", rate, "" if empty else f"{ratio(first, seconds):.2f}"))
    return table(("process", "processor seconds", "events/s", "rate against orjson"), rows)


def test_memory_of_whole_commands(  # noqa: PLR0913, PLR0917 - what is measured, and how
    rules: Path, shipped: Path, events: Path, larger: Path, report: Report, tmp_path: Path
) -> None:
    """Peak memory over the file, and over one ten times as large."""
    rows = []
    peaks: list[int] = []
    for folder, what in ((shipped, "match"), (shipped, "replay"), (rules, "match")):
        pack = load_pack([str(folder)])
        path = built(pack, tmp_path)
        small, large = (launched(command(what, path, file)).peak_bytes for file in (events, larger))
        peaks.append(large)
        rows.append((f"`{what}`, {len(pack.bases)} rules", f"{small / 1e6:,.0f} MB", f"{large / 1e6:,.0f} MB"))
    head = ("process", f"{events.stat().st_size / 1e6:,.0f} MB", f"{larger.stat().st_size / 1e6:,.0f} MB")
    report.add("memory", table(head, rows))
    assert max(peaks) < MOST_BYTES, f"more than {MOST_BYTES / 1e6:.0f} MB"
