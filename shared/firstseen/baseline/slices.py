"""A baseline from a provider's own history in slices: as much as one call has time for, the next goes on.

The history is read in windows, oldest first, each settled in event-time order before a cursor remembers it. When a
call could not finish a single one, the next tries one half as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from firstseen.baseline.build import Build, Built, reach, with_memory
from firstseen.baseline.lookup import CLOUDTRAIL_HISTORY, Asked, Attribute, Log
from firstseen.baseline.rows import KEEP_CURSOR_US, begin, cursor_record
from firstseen.deliveries import Match, raised
from firstseen.errors import InputError
from firstseen.findings.learning import RuleRow, rule_record
from firstseen.findings.rows import Row, read_many, read_row, settle
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation
from firstseen.pipeline import Clock
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_event
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from firstseen.store.store import Store

MAX_WINDOW_US = 5 * DAY_US
MIN_WINDOW_US = MINUTE_US
OVERLAP_US = HOUR_US
"""Read again where a stretch is added to: events reach the history some minutes after they happened."""

HISTORY_US = 90 * DAY_US - HOUR_US
"""What the providers keep, less what passes while a build runs."""


MAX_BUILD_US = 3 * DAY_US
"""How long a build may take before it is given up: the history holds more than its limit of requests lets out."""


class History(Protocol):
    """The history of one region or subscription."""

    def events(self, attribute: Attribute, value: str, *, from_us: int, to_us: int) -> Iterable[bytes]:
        """The events with this attribute and ``from_us`` ≤ time < ``to_us``. Raises InputError."""
        ...


class Slice(Row):
    """How far the build of some rules came.

    Attributes:
        from_us, to_us: the stretch of history that is built; fixed when the build begins.
        time_us: everything before this is in the state.
        window_us: how long the window is that is tried next.
        settled: matches so far.
        begun_us: when the build began, by the clock.
        given_up: it took too long. Files of the trail are the way for these rules.
    """

    from_us: int = 0
    to_us: int = 0
    time_us: int = 0
    window_us: int = MAX_WINDOW_US
    settled: int = 0
    begun_us: int = 0
    given_up: bool = False


@dataclass(slots=True)
class Sliced:
    """What one call came to.

    Attributes:
        rules: whose baseline is being built; empty: there is nothing to do.
        uncovered: rules with memory whose past the history cannot show: see :class:`firstseen.baseline.lookup.Asked`.
        built: the build ended; what each rule knows.
        left_us: of the history that is still to be read.
        settled: matches that this call put into the state. rejects: what could not be read.
    """

    rules: Sequence[Correlation] = ()
    uncovered: Sequence[Correlation] = ()
    built: Sequence[Built] = ()
    left_us: int = 0
    settled: int = 0
    rejects: list[Reject] = field(default_factory=list)


class _LateError(Exception):
    """No further request is made in this call."""


def announce(store: Store, pack: Pack, *, now_us: int, log: Log = CLOUDTRAIL_HISTORY) -> None:
    """Rules whose baseline can be built, and that nothing is known of, stay silent until it is (six hours at most).

    Raises StoreUnavailable.
    """
    covered = log.asked(with_memory(pack)).covered
    rows = _rows(store, covered)
    begin(store, [one for one in covered if one.card.id not in rows], now_us=now_us)


def waiting(store: Store, covered: Sequence[Correlation], *, now_us: int) -> list[Correlation]:
    """The rules to build next: those without history; if there are none, those with a hole between it and their start.

    A build reads up to an hour before now. On the first day that ends before the rule began to run, so the hour between
    is read once more when it has become history.
    """
    rows = _rows(store, covered)
    fresh = [one for one in covered if not _known(rows.get(one.card.id))]
    if fresh:
        return fresh
    return [one for one in covered if _hole(rows[one.card.id], now_us)]


def _known(row: RuleRow | None) -> bool:
    return row is not None and row.known_to_us > 0 and row.building_until_us == 0


def _hole(row: RuleRow, now_us: int) -> bool:
    return row.known_to_us < row.activated_us <= reach(now_us)


def _rows(store: Store, rules: Sequence[Correlation]) -> dict[str, RuleRow]:
    wanted = {rule_record(one.card.id, one.fingerprint): one.card.id for one in rules}
    records = read_many(store, list(wanted))
    found = {rule_id: read_row(records.get(where), RuleRow) for where, rule_id in wanted.items()}
    return {rule_id: row for rule_id, row in found.items() if row is not None}


@dataclass(slots=True)
class Slicer:
    """One deployment's builds.

    Attributes:
        histories: by region or subscription.
        days: how much history a rule gets at least; more where its timespan is longer, up to what the provider has.
        deadline_us: when no further request is made.
        log: which log the histories are of.
        sources: as for the pipeline: with databases of addresses where rules need them.
    """

    pack: Pack
    store: Store
    histories: Mapping[str, History]
    clock: Clock
    owner: str
    days: int
    deadline_us: int
    log: Log = CLOUDTRAIL_HISTORY
    sources: Mapping[str, Source] = field(default_factory=lambda: SOURCES)

    def run(self) -> Sliced:
        """Go on with the build, or begin one. Raises StoreUnavailable, InputError: the next call goes on."""
        memory = with_memory(self.pack)
        wanted = self.log.asked(memory)
        rules = waiting(self.store, wanted.covered, now_us=self.clock())
        done = Sliced(rules, wanted.uncovered)
        if rules:
            ids = {one.card.id for one in rules}
            bases = {member.base_id for one in rules for member in one.members}
            own = replace(
                memory,
                bases=tuple(one for one in memory.bases if one.id in bases),
                correlations=tuple(one for one in memory.correlations if one.card.id in ids),
            )
            _Slices(self, own, self.log.asked(own), done).run()
        return done


class _Slices:
    """The build of some rules."""

    def __init__(self, of: Slicer, pack: Pack, wanted: Asked, done: Sliced) -> None:
        self._of = of
        self._wanted = wanted
        self._done = done
        self._build = Build(pack, wanted.covered, of.store, of.clock, of.owner, "", sources=of.sources)
        self._where = cursor_record(wanted.covered, f"{of.log.name} slices {' '.join(sorted(of.histories))}")

    def run(self) -> None:
        at = self._begun()
        self._done.left_us = at.to_us - at.time_us
        if at.given_up:
            return
        begin(self._of.store, self._wanted.covered, now_us=self._of.clock())
        began_us = at.time_us
        while at.time_us < at.to_us:
            end_us = min(at.time_us + at.window_us, at.to_us)
            try:
                matches = self._read(at.time_us, end_us)
            except _LateError:
                self._end_late(at, moved=at.time_us > began_us)
                return
            before = self._build.settled
            for _ in self._build.step(matches):
                pass
            added = self._build.settled - before
            self._done.settled += added
            at = msgspec.structs.replace(at, time_us=end_us, settled=at.settled + added)
            self._move(at)
            self._done.left_us = at.to_us - at.time_us
        self._done.built = self._build.finish(from_us=at.from_us, to_us=at.to_us)

    def _end_late(self, at: Slice, *, moved: bool) -> None:
        """A call that finished no window makes the next one try a shorter one.

        Raises InputError, once, when there have been calls enough.
        """
        given_up = self._of.clock() - at.begun_us > MAX_BUILD_US
        shorter_us = at.window_us if moved else max(MIN_WINDOW_US, at.window_us // 2)
        self._move(msgspec.structs.replace(at, window_us=shorter_us, given_up=given_up))
        if given_up:
            named = ", ".join(one.card.id for one in self._wanted.covered)
            raise InputError(
                f"{self._of.log.said} holds more of what these rules read than it lets out in three days; build their "
                f"baselines from {self._of.log.instead} ('firstseen baseline build --from …'): {named}"
            )

    def _begun(self) -> Slice:
        """Where an earlier call stopped, else the beginning."""
        row = read_row(self._of.store.records([self._where]).get(self._where), Slice)
        now_us = self._of.clock()
        if row is not None and (row.given_up or now_us - HISTORY_US <= row.time_us < row.to_us):
            return row
        rules = self._wanted.covered
        span_us = max(self._of.days * DAY_US, *(one.timespan_us + HOUR_US for one in rules))
        from_us = reach(now_us) - min(span_us, HISTORY_US - HOUR_US)
        rows = _rows(self._of.store, rules)
        known = [found.known_to_us for one in rules if (found := rows.get(one.card.id)) and _known(found)]
        if len(known) == len(rules):
            from_us = max(from_us, min(known) - OVERLAP_US)
        from_us -= from_us % SECOND_US
        at = Slice(from_us=from_us, to_us=reach(now_us), time_us=from_us, begun_us=now_us)
        self._move(at)
        return at

    def _read(self, from_us: int, to_us: int) -> list[Match]:
        """What matched in one window of every history, in event-time order. A call's time bounds how much it is."""
        found: list[Match] = []
        for place, history in self._of.histories.items():
            for attribute, value in self._wanted.attributes:
                self._check()
                for raw in history.events(attribute, value, from_us=from_us, to_us=to_us):
                    found.extend(self._matches(raw, f"{self._of.log.name} {place}"))
                    self._check()
        found.sort(key=lambda one: (one.event.time_us, one.event.id))
        return found

    def _check(self) -> None:
        if self._of.clock() >= self._of.deadline_us:
            raise _LateError

    def _matches(self, raw: bytes, place: str) -> Iterator[Match]:
        event = read_event(raw, received_us=self._of.clock(), source=self._of.log.source)
        if not isinstance(event, Event):
            self._done.rejects.append(event)
            return
        found = self._build.pipeline.engine.match_event(event)
        self._done.rejects.extend(raised(found))
        if found.bases:
            yield Match(event, found.bases, place)

    def _move(self, at: Slice) -> None:
        def decide(row: Slice | None) -> tuple[Slice | None, None]:
            further = row is not None and row.to_us == at.to_us and row.time_us > at.time_us
            return (None if further else at), None

        settle(self._of.store, self._where, Slice, decide, expires_at_us=self._of.clock() + KEEP_CURSOR_US)
