"""The detections that were asked for by name: each has its rules, and what their tests show is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstseen.cli.commands.rules_test import _results
from firstseen.cli.covering import read_named_folder
from firstseen.cli.detections import detections_of
from firstseen.cli.ruleset import RuleSet, read_rule_set
from firstseen.language.frontends.asked import AskedRow

SHARED = Path(__file__).parents[2] / "shared"
ROWS = {row.id: row for row in read_named_folder(str(SHARED / "coverage")).asked}


def test_there_are_twenty_three() -> None:
    assert len(ROWS) == 23


def _read(row: AskedRow) -> tuple[RuleSet, list[Path]]:
    files = [path for path in (SHARED / "rules").rglob("*.yml") if path.stem in row.rules]
    return read_rule_set([str(path) for path in [*files, SHARED / "value_lists"]]), files


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_it_is_seen(row: AskedRow) -> None:
    """Every rule of the row lies in its file, fires in a test, keeps still in another, and reads that cloud's log."""
    rules, files = _read(row)
    assert rules.faults == []
    assert sorted(path.stem for path in files) == sorted(row.rules)
    found = {one.name: one for one in detections_of(rules)}
    for name in row.rules:
        assert found[name].rule.enabled
        assert found[name].clouds == (row.cloud,)
        tests = [test for test in rules.tests if test.rule_id == found[name].rule.card.id]
        assert any(test.expected for test in tests)
        assert any(not test.expected for test in tests)
    assert [one.reasons for one in _results(rules) if not one.passed] == []
