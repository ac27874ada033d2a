"""Building baselines: history goes through the ordinary pipeline, and nobody is told.

A build may be stopped anywhere and started again: stepping what is in the state already changes nothing, and the cursor
only saves the time for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from firstseen.baseline.rows import BUILDING_US, Cursor, begin, cursor_record, finish, move_cursor, read_cursor
from firstseen.deliveries import Match, Report
from firstseen.errors import StoreUnavailable
from firstseen.findings.times import HOUR_US
from firstseen.language.pack import Pack
from firstseen.language.rules import Correlation
from firstseen.pipeline import BATCH_MATCHES, Clock, Pipeline
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source
from firstseen.store.store import Store

MAX_TRIES = 3
"""Of one batch against live workers (each of them :data:`firstseen.pipeline.MAX_ATTEMPTS` commits) and a store that
does not answer."""


LIVE_US = HOUR_US
"""History ends so long before now. What is younger may be on its way to the live workers: if the build knew it first,
it would be no news to them, and nobody would ever be told."""


def reach(now_us: int) -> int:
    """History is what happened before this."""
    return now_us - LIVE_US


def with_memory(pack: Pack) -> Pack:
    """The pack's rules that a baseline means something to. A rule without memory has nothing to learn, and an operation
    that a build had recorded for it would never be reported.
    """
    return replace(pack, correlations=tuple(one for one in pack.correlations if one.enabled and one.type != "match"))


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to for one rule.

    Attributes:
        complete: the history covers the rule's timespan: the rule knows what is normal.
        findings: episodes that opened in the history; kept as learnt.
    """

    rule: Correlation
    complete: bool
    findings: int


@dataclass(slots=True)
class Build:
    """One build into one store. Its pipeline's engine reads the history.

    Attributes:
        pack: see :func:`with_memory`.
        rules: those that are built: rules of the pack that would know too little stay silent meanwhile.
        input_name: what the history is, exactly: another name is another build. "": it cannot be gone on with.
        settled: matches in the state, those of earlier runs included.
        sources: as for the pipeline: with databases of addresses where rules need them.
    """

    pack: Pack
    rules: Sequence[Correlation]
    store: Store
    clock: Clock
    owner: str
    input_name: str
    shown: str = ""
    settled: int = 0
    sources: Mapping[str, Source] = field(default_factory=lambda: SOURCES)
    _pipeline: Pipeline = field(init=False)
    _where: tuple[str, str] = field(init=False)
    _cursor: Cursor = field(init=False)
    _found: Counter[str] = field(default_factory=Counter)
    _renew_us: int = 0

    def __post_init__(self) -> None:
        self._pipeline = Pipeline(self.pack, self.store, None, owner=self.owner, clock=self.clock, sources=self.sources)
        self._where = cursor_record(self.rules, self.input_name)
        self._cursor = read_cursor(self.store, self._where) if self.input_name else Cursor()
        self.settled = self._cursor.settled

    @property
    def pipeline(self) -> Pipeline:
        """For its engine."""
        return self._pipeline

    @property
    def finished(self) -> bool:
        """An earlier run settled all of this input."""
        return self._cursor.finished

    def again(self) -> None:
        """Begin at the beginning, whatever an earlier run did."""
        self._cursor = Cursor()
        self.settled = 0

    def step(self, matches: Iterable[Match]) -> Iterator[int]:
        """Settle matches, which come in event-time order; gives how many after each batch.

        What an earlier run settled is passed over. Raises StoreUnavailable; run the build again.
        """
        self._stay_silent()
        left = self._left(matches)
        while batch := list(islice(left, BATCH_MATCHES)):
            self._settle(batch)
            self.settled += len(batch)
            self._move(batch[-1])
            self._stay_silent()
            yield self.settled

    def finish(self, *, from_us: int, to_us: int) -> list[Built]:
        """Everything is settled: the rules know the history from ``from_us`` to before ``to_us``."""
        now_us = self.clock()
        built = [
            Built(one, finish(self.store, one, from_us=from_us, to_us=to_us, now_us=now_us), self._found[one.card.id])
            for one in self.rules
            if one.enabled
        ]
        if self.input_name:
            self._cursor = msgspec.structs.replace(self._cursor, finished=True, settled=self.settled, shown=self.shown)
            move_cursor(self.store, self._where, self._cursor, now_us=now_us)
        return built

    def _settle(self, batch: Sequence[Match]) -> None:
        """One batch, tried again when live workers were faster at its keys."""
        report = Report()
        for _ in range(MAX_TRIES):
            report.retry.clear()
            self._pipeline.settle(batch, report)
            if not report.retry:
                self._found.update(one.card.id for one in report.findings)
                return
        reason = next(iter(report.retry.values()))
        msg = f"the build stopped after {self.settled:,} matches: {reason}; run it again to go on"
        raise StoreUnavailable(msg)

    def _left(self, matches: Iterable[Match]) -> Iterator[Match]:
        done = (self._cursor.time_us, self._cursor.event_id)
        return (one for one in matches if (one.event.time_us, one.event.id) > done)

    def _move(self, last: Match) -> None:
        if self.input_name:
            self._cursor = Cursor(
                time_us=last.event.time_us, event_id=last.event.id, settled=self.settled, shown=self.shown
            )
            move_cursor(self.store, self._where, self._cursor, now_us=self.clock())

    def _stay_silent(self) -> None:
        """Renew the silence of rules that wait for this build, well before it ends."""
        now_us = self.clock()
        if now_us >= self._renew_us:
            begin(self.store, self.rules, now_us=now_us)
            self._renew_us = now_us + BUILDING_US // 4
