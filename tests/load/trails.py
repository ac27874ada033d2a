"""Objects of a trail for the load runs: the demo's company, one pass of it after the other, or one busy person."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.chaos.account import Account
from tests.chaos.queueing import Message
from tests.emulators import ROOT
from tests.faults.world import event

OBJECT_EVENTS = 200
"""As CloudTrail writes them in a busy account."""

BATCH_OBJECTS = 5


def demo_lines(folder: Path, number: int) -> list[bytes]:
    """So many events of the demo's company, in the order of their times."""
    command = [sys.executable, "-m", "demo", "--format", "lines", "--events", str(number), "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.glob("*.jsonl")
    return found.read_bytes().splitlines()


_DAY = re.compile(rb'"eventTime":"(\d{4}-\d\d-\d\d)T')


@dataclass(slots=True)
class Trail:
    """Events of the demo, each pass of them some days later and under other ids: so none is a copy of another, and what
    was seen before is still known.
    """

    account: Account
    lines: Sequence[bytes]
    turn: int = 0
    _names: Iterator[int] = field(default_factory=itertools.count)
    _days: tuple[date, date] = field(init=False)

    def __post_init__(self) -> None:
        found = {found[1].decode() for line in self.lines if (found := _DAY.search(line)) is not None}
        self._days = date.fromisoformat(min(found)), date.fromisoformat(max(found))

    @property
    def later(self) -> timedelta:
        """How much later this pass is than what the demo wrote."""
        first, last = self._days
        return self.turn * (last - first + timedelta(days=1))

    @property
    def received_us(self) -> int:
        """When everything of this pass has been received."""
        last = self._days[1] + self.later + timedelta(days=1)
        return int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp()) * 1_000_000

    def moved(self, line: bytes) -> bytes:
        """An event as it is in this pass."""
        text = line.replace(b'"eventID":"', b'"eventID":"%d-' % self.turn)
        found = _DAY.search(line)
        assert found is not None
        day = date.fromisoformat(found[1].decode())
        return text.replace(found[1], (day + self.later).isoformat().encode())

    def batches(self) -> Iterator[list[Message]]:
        """Those of this pass; made as they are asked for."""
        parts = (self.lines[at : at + OBJECT_EVENTS] for at in range(0, len(self.lines), OBJECT_EVENTS))
        messages = (self.stored([self.moved(line) for line in part]) for part in parts)
        while batch := list(itertools.islice(messages, BATCH_OBJECTS)):
            yield batch

    def passes(self) -> Iterator[list[Message]]:
        """One pass after the other, without end."""
        while True:
            self.turn += 1
            yield from self.batches()

    def first(self) -> Message:
        """An object with one event, which starts a process."""
        return self.stored([self.moved(self.lines[0])])

    def stored(self, events: Sequence[bytes]) -> Message:
        return self.account.stored(f"t{next(self._names)}", events)


def one_person(account: Account, number: int, batches: int) -> list[list[Message]]:
    """Batches in which one person does one thing, once a second."""
    made = []
    for place in range(batches):
        start = place * OBJECT_EVENTS
        events = [event(number * 10**6 + at, at / 60) for at in range(start, start + OBJECT_EVENTS)]
        made.append([account.stored(f"hot{number}-{place}", events)])
    return made
