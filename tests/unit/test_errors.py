"""What a fault in a file looks like: its place, its line, its caret."""

from __future__ import annotations

import pytest

from firstseen.errors import MAX_SHOWN_CHARACTERS, Place, RuleError


def _shown(text: str, column: int) -> list[str]:
    return str(RuleError("wrong", Place("a.yml", 3, column, text))).split("\n")


def test_the_caret_stands_below_the_fault_tabs_included() -> None:
    assert _shown("\tname: x", 8) == ["a.yml:3:8: wrong", "        name: x", "              ^"]


@pytest.mark.parametrize("column", [1, 80, 81, 500, 920, 999, 1000])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    text = "".join(chr(0x4E00 + n) for n in range(1000))
    _, line, caret = _shown(text, column)
    assert line[caret.index("^")] == text[column - 1]
    assert len(line) <= 4 + MAX_SHOWN_CHARACTERS + 2
    assert line.strip("… ") in text


def test_a_caret_may_stand_behind_the_line_and_a_line_without_a_column_has_none() -> None:
    assert _shown("abc", 4)[1:] == ["    abc", "       ^"]
    assert _shown("abc", 0)[1:] == ["    abc"]
    assert _shown("x" * 1000, 5000)[1:] == ["    " + "x" * MAX_SHOWN_CHARACTERS + "…"]
