"""Writes what was measured into docs/benchmarks.md, between the markers of each table."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
LIBRARIES = ("orjson", "msgspec", "google-re2", "isal", "duckdb", "pysigma", "pysigma-backend-sqlite")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown: the first column to the left, numbers to the right."""
    lines = [" | ".join(head), " | ".join(["---", *["---:"] * (len(head) - 1)])]
    lines.extend(" | ".join(row) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def machine() -> str:
    """The machine and what ran on it, without a date or a name."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model n")]
        model = next((one for one in found if one), model)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores, {model}; {platform.system()}, Python {platform.python_version()}; {versions}.\n"
        f"Each process uses one core.\n"
    )


def replaced(text: str, name: str, content: str) -> str:
    """The document with another content between the markers of ``name``. Raises ValueError when they are missing."""
    start, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, found, rest = text.partition(start)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        msg = f"docs/benchmarks.md has no place for {name!r}: put {start.strip()} and {end} into it"
        raise ValueError(msg)
    return f"{before}{start}\n{content.strip()}\n\n{end}{after}"


class Report:
    """Shows each table when it is done and, if asked for, writes it into the document."""

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def add(self, name: str, content: str) -> None:
        """Show a table, and write it."""
        sys.stdout.write(f"\n\n{content}")
        if self._write:
            text = replaced(DOCUMENT.read_text(), "machine", machine())
            DOCUMENT.write_text(replaced(text, name, content))
