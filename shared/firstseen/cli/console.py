"""What the command line says on standard error: progress, rejects, summaries. Standard output is for results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from firstseen.cli.inputs import Advance, Input
from firstseen.findings.safe import safe_text
from firstseen.sources.event import Reject

MAX_REASON = 300


def colour_wanted(stream: TextIO) -> bool:
    """Colour on a terminal, unless NO_COLOR asks for none."""
    return stream.isatty() and "NO_COLOR" not in os.environ


@contextmanager
def progress(title: str, inputs: list[Input]) -> Iterator[Advance]:
    """A progress bar over the bytes of the inputs, on a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda _read: None
        return
    from rich.console import Console
    from rich.progress import Progress

    total = sum(one.size_bytes for one in inputs) or None
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda read: bar.advance(task, read)


def say_remark(place: str, remark: str) -> None:
    """One line: an event was read although something about it is odd."""
    sys.stderr.write(f"odd {safe_text(place, MAX_REASON)}: {safe_text(remark, MAX_REASON)}\n")


def say_reject(name: str, reject: Reject) -> None:
    """One line: where, and why."""
    place = f"{name}:{reject.place}" if reject.place else name
    sys.stderr.write(f"rejected {safe_text(place, MAX_REASON)}: {safe_text(reject.reason, MAX_REASON)}\n")
