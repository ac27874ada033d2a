"""Tables: aligned text for people, CSV for spreadsheets. What events say is made harmless in both."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from firstseen.findings.safe import safe_text

MAX_CELL_CHARS = 1_000

_FORMULA = tuple("=+-@|%\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a cell for a formula or a command, full-width forms included."""


def cell(value: str) -> str:
    """One cell of CSV: one line, nothing that a display obeys, and never a formula (an apostrophe goes before it)."""
    shown = safe_text(value, MAX_CELL_CHARS)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


class CsvTable:
    """Rows of CSV, every cell quoted: a spreadsheet that splits at semicolons finds none that counts."""

    def __init__(self, stream: TextIO, columns: Sequence[str]) -> None:
        self._writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, values: Iterable[str]) -> None:
        """Write one row."""
        self._writer.writerow([cell(value) for value in values])


def aligned(rows: Sequence[Sequence[str]], *, most: int = 60) -> list[str]:
    """Lines of columns; each column as wide as its widest cell, at most ``most``. The last column is not padded."""
    shown = [[safe_text(value, most) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]
