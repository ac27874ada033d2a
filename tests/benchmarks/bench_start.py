"""What a pack of five hundred rules adds to a process's first answer, over an empty one."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from firstseen.language.pack import Pack, dump
from firstseen.matching.engine import Engine, Found
from tests.benchmarks.bench_match import pack_from, times_as_many, unindexed
from tests.benchmarks.measuring import Usage, rounds
from tests.benchmarks.report import Report, table

RULES = 500
TIMES_AS_OFTEN = 6
"""A start is short: it is measured more often than the rest."""

AIM_SECONDS = 0.040


def first_wanted(pack: Pack, events: Path) -> bytes:
    """The first event for which most rules hold: the most that a first answer has to do."""
    with events.open("rb") as file:
        lines = [line for _, line in zip(range(2_000), file, strict=False)]
    found = Engine(pack).scan(enumerate(lines), received_us=2_000_000_000_000_000)
    best = max((one for one in found if isinstance(one, Found)), key=lambda one: (len(one.bases), -one.place))
    assert orjson.loads(lines[best.place])["eventName"]
    return lines[best.place]


def test_the_first_answer(rules: Path, events: Path, number_of_rounds: int, report: Report, tmp_path: Path) -> None:
    """From the start of the process to its end."""
    small = pack_from(rules)
    larger = times_as_many(small, -(-RULES // (len(small.bases) - len(unindexed(small).bases))))
    packs = {"no rules": Pack.of([], []), f"{RULES} rules": Pack.of(list(larger.bases[:RULES]), [])}
    (tmp_path / "event").write_bytes(first_wanted(small, events))
    commands = {}
    for name, pack in packs.items():
        path = tmp_path / f"{len(pack.bases)}.pack"
        path.write_bytes(dump(pack))
        script = str(Path(__file__).with_name("starting.py"))
        commands[name] = [sys.executable, script, str(path), str(tmp_path / "event")]
    taken = rounds(commands, number_of_rounds * TIMES_AS_OFTEN, keep=True)
    without, with_rules = taken.values()
    assert int(without[0].answer) == 0
    assert int(with_rules[0].answer) > 0
    rows = [(name, _ms(cpu(used)), _ms(wall(used))) for name, used in taken.items()]
    more = [[b - a for a, b in zip(figures(without), figures(with_rules), strict=True)] for figures in (cpu, wall)]
    rows.append(("difference, median over pairs", _ms(more[0]), _ms(more[1])))
    rows.append(("the aim for it, on an idle machine", _ms([AIM_SECONDS]), _ms([AIM_SECONDS])))
    report.add("start", table(("a pack of", "processor time", "time"), rows))


def cpu(used: Sequence[Usage]) -> list[float]:
    return [one.cpu_seconds for one in used]


def wall(used: Sequence[Usage]) -> list[float]:
    return [one.wall_seconds for one in used]


def _ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms"
