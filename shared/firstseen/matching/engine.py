"""The engine: a pack over log sources, event by event.

Most events interest no rule. They are known for that from a few decoded fields, without a view and without an
:class:`~firstseen.sources.event.Event`; only those that a rule wants are read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec

from firstseen.errors import RuleError
from firstseen.language.pack import Pack
from firstseen.matching.fast import no_fast_way
from firstseen.matching.program import Failures, Program
from firstseen.matching.questions import resolve
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document, read_event
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source, View
from firstseen.sources.times import YEAR_2006_US

Document = tuple[int, bytes]
"""Its place (line or position) and its bytes."""

MAX_ERROR_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """An event for which base rules hold, or on which some raised.

    Attributes:
        place: the document's line or position.
        event: the event, read in full.
        bases: indices into the pack's bases, ascending.
        failed: (base rule id, what went wrong) of rules that could not be decided for this event.
    """

    place: int
    event: Event
    bases: tuple[int, ...]
    failed: tuple[tuple[str, str], ...] = ()


class Sighted(msgspec.Struct, frozen=True, gc=False):
    """As :class:`Found`, without the event: its source and id only.

    There may be one for each event: it is small, and made in a third of the time that a named tuple takes.
    """

    place: int
    source: Source
    event_id: str
    bases: tuple[int, ...]
    failed: tuple[tuple[str, str], ...] = ()


class Engine:
    """A pack's base rules, compiled for a source when its first event comes. One call at a time on one object."""

    def __init__(self, pack: Pack, sources: Mapping[str, Source] = SOURCES) -> None:
        self._pack = pack
        self._sources = sources
        self._programs: dict[str, Program] = {}
        self._slow_us: tuple[int, int] | None = None

    @property
    def span_us(self) -> tuple[int, int] | None:
        """The lowest and the highest event time of all scans so far, in microseconds; None before the first event.

        Times before 2006 are left out.
        """
        seen = [self._slow_us, *(program.span.times_us for program in self._programs.values())]
        spans = [one for one in seen if one is not None]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def note(self, event: Event) -> None:
        """An event came by the slow path."""
        if event.time_us >= YEAR_2006_US:
            first_us, last_us = self._slow_us or (event.time_us, event.time_us)
            self._slow_us = min(first_us, event.time_us), max(last_us, event.time_us)

    def program(self, source: Source) -> Program:
        """The source's rules, compiled, with the names of the engine's own source of that name.

        Raises RuleError on a rule that cannot be compiled.
        """
        found = self._programs.get(source.name)
        if found is None:
            own = self._sources.get(source.name, source)
            found = self._programs[source.name] = self._compiled(own)
        return found

    def compile(self) -> None:
        """Compile for every source now. Raises RuleError on the first rule that cannot be compiled."""
        for source in self._sources.values():
            self.program(source)

    def _compiled(self, source: Source) -> Program:
        trees = []
        for row, base in enumerate(self._pack.bases):
            if source.name in base.sources:
                try:
                    trees.append((row, resolve(base.predicate, source, base.vocabulary)))
                except RuleError as exc:
                    msg = f"rule {base.id} ({base.title}): {exc.message}"
                    raise RuleError(msg, exc.place) from exc
        return Program(source, trees)

    def matcher(self, source: Source) -> Callable[[bytes], tuple[int, ...] | None]:
        """A function from one document's bytes to the base rules that hold: indices into the pack's bases, ascending.

        It answers None for what is not plainly one event of the source: malformed, of other types than its
        events have, an envelope, another log. The slow path (reading, then :meth:`match_event`) decides those.
        It never raises.
        """
        match = self.program(source).matcher

        def rows(raw: bytes) -> tuple[int, ...] | None:
            answer = match(raw)
            return None if answer is None else answer[0]

        return rows

    def match_view(self, source: Source, view: View) -> tuple[int, ...]:
        """The base rules that hold for an event, without those that raise; :meth:`match_event` names them."""
        return self.program(source).match_view(view)[0]

    def match_event(self, event: Event, place: int = 0) -> Found:
        """The base rules that hold for an event, and those that could not be decided."""
        rows, failures = self.program(event.source).match_view(event.view)
        return Found(place, event, rows, self._named(failures))

    def _named(self, failures: Failures) -> tuple[tuple[str, str], ...]:
        return tuple(
            (self._pack.bases[row].id, f"{type(exc).__name__}: {exc}"[:MAX_ERROR_CHARACTERS]) for row, exc in failures
        )

    def scan(
        self, documents: Iterable[Document | Reject], *, received_us: int, source: Source | None = None
    ) -> Scan[Found]:
        """The events in documents for which a rule holds, read in full, and every reject, in order.

        ``source``: take every document that is no envelope as this source's.
        """
        return Scan(self, documents, received_us, source, lambda found: found, None)

    def sightings(
        self, documents: Iterable[Document | Reject], *, received_us: int, source: Source | None = None
    ) -> Scan[Sighted]:
        """As :meth:`scan`, but only which event it is: most are never read in full."""

        def brief(found: Found) -> Sighted:
            return Sighted(found.place, found.event.source, found.event.id, found.bases, found.failed)

        return Scan(self, documents, received_us, source, brief, Sighted)


Result = TypeVar("Result")


class Scan(Generic[Result]):
    """One pass over documents: an iterator of results and rejects, in order.

    Attributes:
        events: how many events were read so far.
        rejects: how many inputs, or parts of inputs, were not.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made by the engine alone
        self,
        engine: Engine,
        documents: Iterable[Document | Reject],
        received_us: int,
        source: Source | None,
        shaped: Callable[[Found], Result],
        named: Callable[[int, Source, str, tuple[int, ...]], Result] | None,
    ) -> None:
        self.events = 0
        self.rejects = 0
        self._engine = engine
        self._received_us = received_us
        self._source = source
        self._shaped = shaped
        self._named = named
        self._results = self._run(documents)

    def __iter__(self) -> Iterator[Result | Reject]:
        """The pass itself; it can be made once."""
        return self._results

    def __next__(self) -> Result | Reject:
        """The next result or reject."""
        return next(self._results)

    def _run(self, documents: Iterable[Document | Reject]) -> Iterator[Result | Reject]:
        own, named = self._source, self._named
        match = no_fast_way if own is None else self._engine.program(own).matcher
        for document in documents:
            if isinstance(document, Reject):
                self.rejects += 1
                yield document
                continue
            place, raw = document
            answer = match(raw)
            if answer is None or own is None:
                last = yield from self._slowly(place, raw)
                if last is not None and last is not own:
                    own = last
                    match = self._engine.program(own).matcher
                continue
            rows, identity = answer
            if rows and named is not None and identity:
                self.events += 1
                yield named(place, own, identity, rows)
            elif rows:
                yield self._wanted(place, raw, rows, own)
            else:
                self.events += 1

    def _wanted(self, place: int, raw: bytes, rows: tuple[int, ...], own: Source) -> Result | Reject:
        """An event that the fast way has matched, read in full."""
        one = read_event(raw, received_us=self._received_us, source=own)
        self._count(one)
        if isinstance(one, Reject):
            return replace(one, place=place)
        return self._shaped(Found(place, one, rows))

    def _count(self, one: object) -> None:
        if isinstance(one, Reject):
            self.rejects += 1
        else:
            self.events += 1

    def _slowly(self, place: int, raw: bytes) -> Generator[Result | Reject, None, Source | None]:
        """One document in full; returns the source of its last event."""
        last = None
        for one in read_document(place, raw, received_us=self._received_us, source=self._source):
            self._count(one)
            if isinstance(one, Reject):
                yield one
                continue
            last = one.source
            self._engine.note(one)
            found = self._engine.match_event(one, place)
            if found.bases or found.failed:
                yield self._shaped(found)
        return last
