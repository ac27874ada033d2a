"""The fast way: from documents' bytes to the rules that hold, with no view in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from firstseen.matching.emit import Function, Rows
from firstseen.matching.index import Index
from firstseen.matching.layout import Layout
from firstseen.sources.source import Source

MAX_NAMES = 8_192
"""Combinations of call names whose function is remembered; the table starts anew when it is full."""

MAX_NAME_CHARACTERS = 256
"""Longer names are looked up each time."""

FIRST = datetime(1971, 1, 1, tzinfo=UTC)
"""An earlier event may lie before 1970, which is a reject: the slow path says."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
CLOUDS = datetime(2006, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Document = tuple[int, bytes]
"""Its place (line or position) and its bytes."""

Hit = tuple[int, bytes, Rows, str]
"""A document's place and bytes, the rules that hold, ascending, and the event id ("" where the source's lies elsewhere
than in a required key).
"""

Sweep = Callable[[Iterator[Document], list[Hit]], Document | None]
"""Takes documents until one that the slow path must decide, which it returns; None: there are no more.

Those for which rules hold are added to the list. It never raises.
"""

MAX_ID_CHARACTERS = 256
"""The slow path gives another id to an event whose own is longer."""


def no_fast_way(documents: Iterator[Document], _hits: list[Hit]) -> Document | None:
    """The sweep of a source that has none: every document takes the slow path."""
    return next(documents, None)


class Span:
    """The first and last event times that a matcher saw, whatever order a file has.

    Times before 2006, when there was no cloud to log, are odd ones: one of them must not move the beginning of a log.
    """

    def __init__(self) -> None:
        self.first = NEVER
        self.last = CLOUDS

    def widen(self, first: datetime, last: datetime) -> None:
        """Take in what was seen meanwhile."""
        self.first = min(self.first, first)
        self.last = max(self.last, last)

    @property
    def times_us(self) -> tuple[int, int] | None:
        """In microseconds since 1970; None before the first event."""
        if self.first is NEVER:
            return None
        return (self.first - EPOCH) // MICROSECOND, (self.last - EPOCH) // MICROSECOND


def sweep_of(source: Source, index: Index, layout: Layout, span: Span) -> Sweep:  # noqa: C901 - see the loop
    """The sweep for one source.

    It leaves to the slow path whatever that would reject, but for two kinds of documents in which no rule found
    anything: nested deeper than the readers allow, or with more digits of a second than they take. They are
    provably irrelevant; to prove them valid would cost more than matching does.
    """
    table = _Table(source, index, layout, span)
    functions, unknown = table.functions, table.slow_path
    no_names: dict[str, Function | None] = {}
    decode = layout.decoder.decode
    parsed, one_key = layout.parsed, len(source.index) == 1
    identified = layout.identified
    timely, learned = table.timely, table.learned

    def sweep(  # noqa: C901 - nearly all time goes by in this loop: a call costs as much as what it would name
        documents: Iterator[Document], hits: list[Hit]
    ) -> Document | None:
        first, last = span.first, span.last
        place, raw = 0, b""
        try:
            for place, raw in documents:
                fields = decode(raw)
                when = fields.when
                if parsed and when.tzinfo is UTC:
                    if when > last:
                        first = when if first is NEVER else first
                        last = when
                    elif when < first:
                        if when < FIRST:
                            return place, raw
                        first = when if when >= CLOUDS else first
                elif not timely(when):
                    return place, raw
                name = fields.first
                second = name if one_key else fields.second
                function = functions.get(name, no_names).get(second, unknown)
                if function is unknown:
                    function = learned(name, second)
                if function is None:
                    continue
                rows = function(fields, raw)
                if rows:
                    identity = fields.identity if identified else ""
                    if identified and not 0 < len(identity) <= MAX_ID_CHARACTERS:
                        return place, raw
                    hits.append((place, raw, rows if len(rows) == 1 else tuple(sorted(rows)), identity))
        except Exception:  # noqa: BLE001 - anything unforeseen is the slow path's to explain
            return place, raw
        finally:
            span.widen(first, last)
        return None

    return sweep


class _Table:
    """What was learnt of the names and times of one source. ``functions``: by first name and second."""

    def __init__(self, source: Source, index: Index, layout: Layout, span: Span) -> None:
        self.functions: dict[str, dict[str, Function | None]] = {}
        self._known = 0
        self._source = source
        self._index = index
        self._time_key = layout.time_key
        self._span = span

    def slow_path(self, _fields: object, _raw: bytes) -> Rows:
        """Stands in where there is no function: the names are not the source's."""
        raise LookupError

    def learned(self, *names: str) -> Function | None:
        """The function for names that the table does not have."""
        own = names[: len(self._source.index)]
        if not self._source.recognise(dict(zip(self._source.index, own, strict=True))):
            return self.slow_path
        function = self._index.function(own)
        if max(map(len, names)) <= MAX_NAME_CHARACTERS:
            if self._known >= MAX_NAMES:
                self.functions.clear()
                self._known = 0
            self.functions.setdefault(names[0], {})[names[1]] = function
            self._known += 1
        return function

    def timely(self, when: datetime | str) -> bool:
        """Whether the slow path would take the event's time."""
        if isinstance(when, str):
            time_us = self._source.time({self._time_key: when})
            if time_us is None or time_us < 0:
                return False
            when = EPOCH + time_us * MICROSECOND
        elif when.year < FIRST.year or (when.tzinfo is not UTC and when.tzinfo is not None):
            return False
        aware = when.replace(tzinfo=UTC)
        if aware >= CLOUDS:
            self._span.widen(aware, aware)
        return True
