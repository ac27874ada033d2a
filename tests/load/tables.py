"""Writes what was measured into docs/load.md, between the markers of each table."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import machine, replaced

DOCUMENT = Path(__file__).parents[2] / "docs" / "load.md"
NAMES = ("machine", "rate", "where", "memory", "hot", "rules")


@dataclass(frozen=True, slots=True)
class Tables:
    """Shows each table when it is done and, if asked for, writes it into the document."""

    write: bool

    def add(self, name: str, content: str) -> None:
        """Show a table, and write it."""
        sys.stdout.write(f"\n\n{content}")
        if self.write:
            text = replaced(DOCUMENT.read_text(encoding="utf-8"), "machine", machine())
            DOCUMENT.write_text(replaced(text, name, content), encoding="utf-8")
