"""The fast way: from one document's bytes to the rules that hold, with no view in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from firstseen.matching.emit import Function, Rows
from firstseen.matching.index import Index, Names
from firstseen.matching.layout import Layout
from firstseen.sources.source import Source

MAX_NAMES = 8_192
"""Combinations of call names whose function is remembered; the table starts anew when it is full."""

MAX_NAME_CHARACTERS = 256
"""Longer names are looked up each time."""

FIRST_YEAR = 1971
"""An earlier event may lie before 1970, which is a reject: the slow path says."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
CLOUDS = datetime(2006, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Answer = tuple[Rows, str]
"""The rules that hold, ascending, and the event id ("" if no rule holds, or if the slow path has to find it)."""

Matcher = Callable[[bytes], Answer | None]

MAX_ID_CHARACTERS = 256
"""The slow path gives another id to an event whose own is longer."""

_NOTHING: Answer = ((), "")


def no_fast_way(_raw: bytes) -> Answer | None:
    """The matcher of a source that has none: every document takes the slow path."""
    return None


class Span:
    """The first and last event times that a matcher saw, whatever order a file has.

    Times before 2006, when there was no cloud to log, are odd ones: one of them must not move the beginning of a log.
    """

    def __init__(self) -> None:
        self.first = NEVER
        self.last = CLOUDS

    @property
    def times_us(self) -> tuple[int, int] | None:
        """In microseconds since 1970; None before the first event."""
        if self.first is NEVER:
            return None
        return (self.first - EPOCH) // MICROSECOND, (self.last - EPOCH) // MICROSECOND


def matcher(source: Source, index: Index, layout: Layout, span: Span) -> Matcher:
    """The matcher for one source: bytes of one document to the rules that hold; None: take the slow path.

    It never raises. Documents that the slow path would reject get None, but for two kinds in which no rule found
    anything: nested deeper than the readers allow, or with more digits of a second than they take. They are
    provably irrelevant; to prove them valid would cost more than matching does.
    """
    table = _Table(source, index, layout, span)
    known, unknown = table.functions, table.slow_path
    decode = layout.decoder.decode
    parsed, one_key = layout.parsed, len(source.index) == 1
    identified = layout.identified
    timely, learned = table.timely, table.learned

    def match(raw: bytes) -> Answer | None:
        try:
            fields = decode(raw)
            when = fields.when
            if parsed and when.tzinfo is UTC and when.year >= FIRST_YEAR:
                if CLOUDS <= when < span.first:
                    span.first = when
                if when > span.last:  # noqa: PLR1730 - max() takes three times as long, once an event
                    span.last = when
            elif not timely(when):
                return None
            names = (fields.first, fields.first if one_key else fields.second)
            function = known.get(names, unknown)
            if function is unknown:
                function = learned(names)
            if function is None:
                return _NOTHING
            rows = function(fields, raw)
            if not rows:
                return _NOTHING
            identity = fields.identity if identified else ""
        except Exception:  # noqa: BLE001 - anything unforeseen is the slow path's to explain
            return None
        ordered = rows if len(rows) == 1 else tuple(sorted(rows))
        return ordered, identity if len(identity) <= MAX_ID_CHARACTERS else ""

    return match


class _Table:
    """What was learnt of the names and times of one source."""

    def __init__(self, source: Source, index: Index, layout: Layout, span: Span) -> None:
        self.functions: dict[Names, Function | None] = {}
        self._source = source
        self._index = index
        self._time_key = layout.time_key
        self._span = span

    def slow_path(self, _fields: object, _raw: bytes) -> Rows:
        """Stands in where there is no function: the names are not the source's."""
        raise LookupError

    def learned(self, names: Names) -> Function | None:
        """The function for names that the table does not have."""
        own = names[: len(self._source.index)]
        if not self._source.recognise(dict(zip(self._source.index, own, strict=True))):
            return self.slow_path
        function = self._index.function(own)
        if max(map(len, names)) <= MAX_NAME_CHARACTERS:
            if len(self.functions) >= MAX_NAMES:
                self.functions.clear()
            self.functions[names] = function
        return function

    def timely(self, when: datetime | str) -> bool:
        """Whether the slow path would take the event's time."""
        if isinstance(when, str):
            time_us = self._source.time({self._time_key: when})
            if time_us is None or time_us < 0:
                return False
            when = EPOCH + time_us * MICROSECOND
        elif when.year < FIRST_YEAR or (when.tzinfo is not UTC and when.tzinfo is not None):
            return False
        aware = when.replace(tzinfo=UTC)
        if aware >= CLOUDS:
            self._span.first = min(self._span.first, aware)
            self._span.last = max(self._span.last, aware)
        return True
