"""What holds for the benchmarks without measuring anything."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from firstseen.language.frontends.loading import build_pack
from tests.benchmarks import comparable, report
from tests.benchmarks.bench_match import times_as_many, unindexed
from tests.benchmarks.measuring import launched, ratio

NUMBER_OF_RULES = 57


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    comparable.write(tmp_path)
    return tmp_path


def test_the_comparable_rules_are_as_many_as_they_say_and_load(folder: Path) -> None:
    pack = build_pack({str(path): path.read_bytes() for path in folder.iterdir()})
    assert len(pack.bases) == NUMBER_OF_RULES == len({base.predicate for base in pack.bases})
    assert len(unindexed(pack).bases) == len(comparable.NAMING_NO_CALL) + 1  # one names the beginning of a call


def test_copies_of_rules_ask_for_other_calls_and_no_two_are_the_same(folder: Path) -> None:
    pack = build_pack({str(path): path.read_bytes() for path in folder.iterdir()})
    larger = times_as_many(pack, 3)
    indexed = len(pack.bases) - len(unindexed(pack).bases)
    assert len(larger.bases) == len(pack.bases) + 2 * indexed
    assert len({base.predicate for base in larger.bases}) == len(larger.bases)


def test_the_document_has_a_place_for_each_table() -> None:
    """What a benchmark adds is written nowhere else."""
    scripts = Path(__file__).parent.glob("bench_*.py")
    names = {name for path in scripts for name in re.findall(r"report\.add\(\s*\"(\w+)\"", path.read_text())}
    text = report.DOCUMENT.read_text()
    assert len(names) >= len(["commands", "memory", "matching", "engines", "start"])
    for name in (*names, "machine"):
        assert f"\n\n| x |\n\n<!-- end: {name} -->" in report.replaced(text, name, "| x |\n")


def test_writing_a_table_twice_changes_nothing_else() -> None:
    text = "before\n<!-- generated: one -->\nold\n<!-- end: one -->\nafter\n"
    once = report.replaced(text, "one", "new")
    assert once == "before\n<!-- generated: one -->\n\nnew\n\n<!-- end: one -->\nafter\n"
    assert report.replaced(once, "one", "new") == once
    with pytest.raises(ValueError, match="no place for 'two'"):
        report.replaced(text, "two", "new")


def test_the_machine_is_described_without_a_date() -> None:
    assert not re.search(r"20\d\d-\d\d|\d\d:\d\d", report.machine())


def test_a_process_is_measured_by_itself() -> None:
    """Its peak is its own, not that of whoever started it."""
    held = bytearray(300_000_000)
    used = launched([sys.executable, "-S", "-c", "print(sum(range(10**6)))"], keep=True)
    assert used.answer == str(sum(range(10**6)))
    assert used.cpu_seconds > 0
    assert used.peak_bytes < len(held) / 2


def test_a_process_that_fails_is_an_error_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="it broke"):
        launched([sys.executable, "-c", "raise SystemExit('it broke')"])


def test_a_ratio_is_the_median_over_rounds() -> None:
    """Not the ratio of medians: a slow round slows both."""
    assert ratio([1.0, 10.0, 1.0], [2.0, 20.0, 0.5]) == pytest.approx(0.5)
