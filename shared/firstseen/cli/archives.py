"""Building baselines from a log that its provider keeps, and that is asked by time: for any of them.

The history is read in windows, each settled in event-time order before the next; where a run was interrupted, the next
goes on with the window that was not finished.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from firstseen.adapters.local.addresses import sources_for
from firstseen.baseline.build import Build, reach
from firstseen.baseline.lookup import Asked, Log
from firstseen.baseline.rows import Cursor, cursor_record, move_cursor, read_cursor
from firstseen.cli import console
from firstseen.cli.building import Told, clock, say_built
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.spool import Spool
from firstseen.cli.times import moment_us
from firstseen.deliveries import Match, raised
from firstseen.errors import SettingsError
from firstseen.findings.safe import safe_text
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_event

if TYPE_CHECKING:
    from firstseen.language.pack import Pack
    from firstseen.store.store import Store

HISTORY_DAYS = 90
"""Of every such log."""

OVERLAP_US = HOUR_US
"""Read again when a build goes on: events reach the history some minutes after they happened."""


class Archive(Protocol):
    """A log that is asked by time.

    Attributes:
        log: which.
        shown: where: regions, subscriptions. Another place is another build.
        window_us: what is settled at once, and read anew after an interruption.
        unit: what progress counts.
    """

    log: Log
    shown: str
    window_us: int
    unit: str

    def plan(self, windows: int, span_us: int) -> tuple[str, int]:
        """What is ahead, for people, and how much of ``unit`` it is at least."""

    def read(self, from_us: int, to_us: int, told: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
        """(place, entry) of every entry with ``from_us`` ≤ time < ``to_us``; tells how much of ``unit`` is done.

        Raises InputError when the log cannot be read.
        """

    def requests(self) -> int:
        """How many were made so far."""


def wanted_of(log: Log, pack: Pack) -> Asked:
    """What the log must be asked for; rules that it cannot serve are named. Raises SettingsError if it serves none."""
    wanted = log.asked(pack)
    for rule in wanted.uncovered:
        title = safe_text(rule.card.title, 80)
        sys.stderr.write(f"not from {log.name}: {rule.card.id}  {title}: {log.uncovered}; use files\n")
    if not wanted.covered:
        msg = f"no rule with memory reads what {log.said} could be asked for"
        raise SettingsError(msg)
    return wanted


def since(args: argparse.Namespace, log: Log, now_us: int) -> int:
    """Where the history begins, ``--since`` or as far back as the log goes, in microseconds. Raises SettingsError."""
    oldest_us = now_us - HISTORY_DAYS * DAY_US + MINUTE_US
    since_us = moment_us("--since", args.since, now_us) if args.since else oldest_us
    if since_us < oldest_us:
        sys.stderr.write(f"{log.said[:1].upper()}{log.said[1:]} goes back {HISTORY_DAYS} days: nothing older is read\n")
    return max(since_us, oldest_us)


class ArchiveBuild:
    """One build from one archive."""

    def __init__(self, pack: Pack, store: Store, archive: Archive, wanted: Asked, now_us: int) -> None:
        self._store = store
        self._archive = archive
        self._now_us = now_us
        self._end_us = reach(now_us)
        self._rejected = 0
        self._where = cursor_record(wanted.covered, f"{archive.log.name} {archive.shown}")
        sources = sources_for(pack, os.environ)
        self._build = Build(pack, wanted.covered, store, clock, uuid.uuid4().hex, input_name="", sources=sources)

    def run(self, since_us: int, *, again: bool) -> int:
        """Window by window, oldest first; the exit status."""
        archive = self._archive
        cursor = Cursor() if again else read_cursor(self._store, self._where)
        begun = bool(cursor.time_us) and cursor.from_us <= since_us <= cursor.time_us
        from_us = cursor.from_us if begun else since_us
        start_us = max(from_us, cursor.time_us - OVERLAP_US) if begun else since_us
        windows = list(_windows(start_us, self._end_us, archive.window_us))
        said, total = archive.plan(len(windows), self._end_us - start_us)
        sys.stderr.write(f"{said}{'; going on with an earlier run' if begun else ''}\n")
        told = Told(archive.unit, total)
        for window in windows:
            self._settle(window, told)
            done = Cursor(time_us=window[1], from_us=from_us, settled=self._build.settled, shown=archive.shown)
            move_cursor(self._store, self._where, done, now_us=clock())
        say_built(self._build.finish(from_us=from_us, to_us=self._end_us), from_us, self._end_us)
        made = archive.requests()
        sys.stderr.write(f"{self._build.settled:,} matches, {self._rejected} rejected, {made:,} requests\n")
        return EXIT_REJECTED if self._rejected else EXIT_DONE

    def _settle(self, window: tuple[int, int], told: Told) -> None:
        with Spool() as spool:
            for place, raw in self._archive.read(*window, told.say):
                for match in self._match(raw, place):
                    spool.add(match)
            for _ in self._build.step(spool.in_order(self._now_us)):
                pass

    def _match(self, raw: bytes, place: str) -> Iterator[Match]:
        log = self._archive.log
        event = read_event(raw, received_us=self._now_us, source=log.source)
        if not isinstance(event, Event):
            self._reject(place, event)
            return
        found = self._build.pipeline.engine.match_event(event)
        for reject in raised(found):
            self._reject(place, reject)
        if found.bases:
            yield Match(event, found.bases, log.name, "")

    def _reject(self, place: str, reject: Reject) -> None:
        self._rejected += 1
        console.say_reject(place, reject)


def _windows(from_us: int, to_us: int, window_us: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most ``window_us``, cut at whole seconds, which is how CloudTrail tells times."""
    start_us = from_us - from_us % SECOND_US
    while start_us < to_us:
        end_us = min(start_us + window_us, to_us)
        yield start_us, end_us
        start_us = end_us
