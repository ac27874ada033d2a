"""What holds for `make load` without measuring anything: its document, its figures, and one short run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstseen.language.pack import dump
from tests.benchmarks import report
from tests.chaos.account import account
from tests.chaos.lambda_process import Package
from tests.chaos.moving import moved_clock
from tests.faults.test_workers import PACK
from tests.faults.world import START_US, event
from tests.functions.test_aws_package import built as aws_built
from tests.functions.test_aws_package import interpreter, needs_interpreter
from tests.load import tables
from tests.load.driving import Driver, Run, Taken
from tests.load.trails import OBJECT_EVENTS, one_person

__all__ = ["aws_built"]


def test_the_document_has_a_place_for_each_table() -> None:
    script = Path(__file__).with_name("load_aws.py").read_text(encoding="utf-8")
    names = set(re.findall(r"tables\.add\(\"(\w+)\"", script))
    text = tables.DOCUMENT.read_text(encoding="utf-8")
    assert names | {"machine"} == set(tables.NAMES)
    for name in tables.NAMES:
        assert f"\n\n| x |\n\n<!-- end: {name} -->" in report.replaced(text, name, "| x |\n")


def test_a_latency_is_that_of_a_call_and_memory_a_mean_over_some() -> None:
    run = Run(1, [Taken(0, float(at), at / 10, 0.0, 100 * at, 5) for at in range(1, 101)], seconds=10.0)
    assert run.rate == pytest.approx(50.0)
    assert (run.latency_seconds(0.5), run.latency_seconds(0.99)) == (5.1, 10.0)
    assert run.rss_bytes(0, 0.1) == pytest.approx(550)
    assert run.rss_bytes(0.999, 1.0) == pytest.approx(10_000)


@needs_interpreter
def test_two_processes_of_the_package_share_batches_and_each_event_counts_once(aws_built: Path, tmp_path: Path) -> None:
    package = Package(str(interpreter), aws_built / "task", aws_built / "runtime")
    with moved_clock(tmp_path / "clock", START_US) as clock, account(tmp_path, dump(PACK)) as made:
        first, *batches = one_person(made, 1, 5)
        driver = Driver(package, made, clock, tmp_path / "log")
        received_us = START_US + 86_400_000_000
        pack = Path(made.settings["FIRSTSEEN_PACK"])
        run = driver.run(2, first[0], iter(batches), received_us=received_us, pack=pack)
        removed = made.stored("removed", [event(9_000_000, 30, call="Remove")])
        last = driver.run(1, removed, iter(()), received_us=received_us, pack=pack)
        titles = {row.finding.card.title for row in made.rows()}
    assert run.events == 4 * OBJECT_EVENTS
    assert run.counts["events"] >= run.events + 2 * OBJECT_EVENTS, "each process was started with a batch"
    assert run.calls["store"] > 0 < run.waited_seconds["other"]
    assert all(one.rss_bytes > 10_000_000 for one in run.taken)
    assert last.counts["sent"] == 1
    assert {"Somebody new acted", "Removed"} <= titles
