"""``baseline build --from cloudtrail``: the account's own event history, no trail needed.

The history is read in windows of some days, each settled in event-time order before the next; where a run was
interrupted, the next goes on with the window that was not finished.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from firstseen.adapters.aws.cloudtrail_history import (
    HISTORY_DAYS,
    REQUESTS_A_SECOND,
    EventHistory,
    cloudtrail_client,
)
from firstseen.adapters.local.addresses import sources_for
from firstseen.baseline.build import Build, reach
from firstseen.baseline.lookup import Asked, asked
from firstseen.baseline.rows import Cursor, cursor_record, move_cursor, read_cursor
from firstseen.cli import console
from firstseen.cli.building import Told, clock, say_built
from firstseen.cli.main import EXIT_DONE, EXIT_REJECTED
from firstseen.cli.spool import Spool
from firstseen.cli.times import moment_us
from firstseen.errors import SettingsError
from firstseen.findings.safe import safe_text
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US, about
from firstseen.pipeline import Match, raised
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_event

if TYPE_CHECKING:
    from firstseen.language.pack import Pack
    from firstseen.store.store import Store

WINDOW_US = 5 * DAY_US
OVERLAP_US = HOUR_US
"""Read again when a build goes on: events reach the history some minutes after they happened."""


def build_from_cloudtrail(args: argparse.Namespace, pack: Pack, store: Store, now_us: int) -> int:
    """Look up what the rules with memory name, and settle it; the exit status."""
    wanted = asked(pack)
    for rule in wanted.uncovered:
        title = safe_text(rule.card.title, 80)
        sys.stderr.write(
            f"not from cloudtrail: {rule.card.id}  {title}: it names neither call nor service; use files\n"
        )
    if not wanted.covered:
        msg = "no rule with memory names what CloudTrail could be asked for"
        raise SettingsError(msg)
    oldest_us = now_us - HISTORY_DAYS * DAY_US + MINUTE_US
    since_us = moment_us("--since", args.since, now_us) if args.since else oldest_us
    if since_us < oldest_us:
        sys.stderr.write(f"CloudTrail's event history goes back {HISTORY_DAYS} days: nothing older is read\n")
    regions: list[str | None] = list(args.region or (None,))
    histories = [
        EventHistory(cloudtrail_client(region=region, endpoint_url=args.endpoint_url)) for region in regions
    ]  # fmt: skip
    looked_up = _LookUp(pack, store, histories, wanted, now_us)
    return looked_up.run(max(since_us, oldest_us), again=args.again)


class _LookUp:
    """One build from event histories."""

    def __init__(self, pack: Pack, store: Store, histories: Sequence[EventHistory], wanted: Asked, now_us: int) -> None:
        self._store = store
        self._histories = histories
        self._wanted = wanted
        self._now_us = now_us
        self._end_us = reach(now_us)
        self._rejected = 0
        self._regions = ", ".join(sorted(one.client.meta.region_name for one in histories))
        self._where = cursor_record(wanted.covered, f"cloudtrail {self._regions}")
        sources = sources_for(pack, os.environ)
        self._build = Build(pack, wanted.covered, store, clock, uuid.uuid4().hex, input_name="", sources=sources)

    def run(self, since_us: int, *, again: bool) -> int:
        """Window by window, oldest first."""
        cursor = Cursor() if again else read_cursor(self._store, self._where)
        begun = bool(cursor.time_us) and cursor.from_us <= since_us <= cursor.time_us
        from_us = cursor.from_us if begun else since_us
        start_us = max(from_us, cursor.time_us - OVERLAP_US) if begun else since_us
        windows = list(_windows(start_us, self._end_us))
        requests = len(windows) * len(self._wanted.attributes) * len(self._histories)
        at_least = about(int(requests / REQUESTS_A_SECOND * SECOND_US / len(self._histories)))
        sys.stderr.write(
            f"{len(self._wanted.attributes)} calls and services over {about(self._end_us - start_us)} in"
            f" {self._regions}: at least {requests:,} requests, {at_least}"
            f"{'; going on with an earlier run' if begun else ''}\n"
        )
        told = Told("requests", requests)
        for window in windows:
            self._settle(window, told)
            done = Cursor(time_us=window[1], from_us=from_us, settled=self._build.settled, shown=self._regions)
            move_cursor(self._store, self._where, done, now_us=clock())
        say_built(self._build.finish(from_us=from_us, to_us=self._end_us), from_us, self._end_us)
        made = sum(one.requests for one in self._histories)
        sys.stderr.write(f"{self._build.settled:,} matches, {self._rejected} rejected, {made:,} requests\n")
        return EXIT_REJECTED if self._rejected else EXIT_DONE

    def _settle(self, window: tuple[int, int], told: Told) -> None:
        with Spool() as spool:
            for match in self._matches(window, told):
                spool.add(match)
            for _ in self._build.step(spool.in_order(self._now_us)):
                pass

    def _matches(self, window: tuple[int, int], told: Told) -> Iterator[Match]:
        for history in self._histories:
            for attribute, value in self._wanted.attributes:
                for raw in history.events(attribute, value, from_us=window[0], to_us=window[1]):
                    yield from self._match(raw, f"{self._regions} {value}")
                told.say(sum(one.requests for one in self._histories))

    def _match(self, raw: bytes, place: str) -> Iterator[Match]:
        event = read_event(raw, received_us=self._now_us, source=CLOUDTRAIL)
        if not isinstance(event, Event):
            self._reject(place, event)
            return
        found = self._build.pipeline.engine.match_event(event)
        for reject in raised(found):
            self._reject(place, reject)
        if found.bases:
            yield Match(event, found.bases, "cloudtrail", "")

    def _reject(self, place: str, reject: Reject) -> None:
        self._rejected += 1
        console.say_reject(place, reject)


def _windows(from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
    """Stretches of at most :data:`WINDOW_US`, cut at whole seconds, which is how the history tells times."""
    start_us = from_us - from_us % SECOND_US
    while start_us < to_us:
        end_us = min(start_us + WINDOW_US, to_us)
        yield start_us, end_us
        start_us = end_us
