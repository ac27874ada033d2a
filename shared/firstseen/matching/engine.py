"""The engine: a pack over log sources, event by event.

Most events interest no rule. They are known for that from a few decoded fields, without a view and without an
:class:`~firstseen.sources.event.Event`; only those that a rule wants are read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import msgspec

from firstseen.errors import RuleError
from firstseen.language.pack import Pack
from firstseen.matching.fast import Document, Hit, no_fast_way
from firstseen.matching.program import Failures, Program
from firstseen.matching.questions import Known, resolve
from firstseen.sources.event import Event, Reject
from firstseen.sources.lines import Block
from firstseen.sources.reading import read_document, read_event
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Derived, Source, View
from firstseen.sources.times import YEAR_2006_US

__all__ = ["Document", "Engine", "Found", "Hit", "Scan", "Sighted"]

MAX_ERROR_CHARACTERS = 200


class Found(msgspec.Struct, frozen=True):
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


class Sighted(msgspec.Struct, frozen=True):
    """Events of one source, one after the other, for which base rules hold: as :class:`Found`, without the events.

    Attributes:
        place: of the first.
        source: whose events they are.
        hits: each event's place, document, base rules (indices into the pack's bases, ascending) and id.
        failed: as in :class:`Found`; there is one event then.
    """

    place: int
    source: Source
    hits: Sequence[Hit]
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
        """Compile for every source that has rules now. Raises RuleError on the first rule that cannot be compiled."""
        read = {name for base in self._pack.bases for name in base.sources}
        for name in self._sources:
            if name in read:
                self.program(self._sources[name]).sweep  # noqa: B018 - what is made when first asked for is made now

    def _compiled(self, source: Source) -> Program:
        trees = []
        known = Known()
        for row, base in enumerate(self._pack.bases):
            if source.name in base.sources:
                try:
                    trees.append((row, resolve(base.predicate, source, base.vocabulary, known)))
                except RuleError as exc:
                    msg = f"rule {base.id} ({base.title}): {exc.message}"
                    raise RuleError(msg, exc.place) from exc
        moved = any(isinstance(place, Derived) and place.plain in source.index for place in known.places.values())
        return Program(source, trees, moved=moved)

    def matcher(self, source: Source) -> Callable[[bytes], tuple[int, ...] | None]:
        """A function from one document's bytes to the base rules that hold: indices into the pack's bases, ascending.

        It answers None for what is not plainly one event of the source: malformed, of other types than its
        events have, an envelope, another log. The slow path (reading, then :meth:`match_event`) decides those.
        It never raises.
        """
        sweep = self.program(source).sweep

        def rows(raw: bytes) -> tuple[int, ...] | None:
            hits: list[Hit] = []
            declined = sweep(iter(((0, raw),)), hits)
            return None if declined else hits[0][2] if hits else ()

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
        self, documents: Iterable[Document | Reject | Block], *, received_us: int, source: Source | None = None
    ) -> Scan[Found]:
        """The events in documents for which a rule holds, read in full, and every reject, in order.

        ``source``: take every document that is no envelope as this source's.
        """
        return Scan(self, documents, received_us, source, lambda found: found, None)

    def sightings(
        self, documents: Iterable[Document | Reject | Block], *, received_us: int, source: Source | None = None
    ) -> Scan[Sighted]:
        """As :meth:`scan`, but only which events they are: most are never read in full."""

        def brief(found: Found) -> Sighted:
            event = found.event
            return Sighted(found.place, event.source, ((found.place, event.raw, found.bases, event.id),), found.failed)

        return Scan(self, documents, received_us, source, brief, lambda own, hits: Sighted(hits[0][0], own, hits))


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
        documents: Iterable[Document | Reject | Block],
        received_us: int,
        source: Source | None,
        shaped: Callable[[Found], Result],
        together: Callable[[Source, Sequence[Hit]], Result] | None,
    ) -> None:
        self.events = 0
        self.rejects = 0
        self._engine = engine
        self._received_us = received_us
        self._source = source
        self._own = source
        self._program = None if source is None else engine.program(source)
        self._shaped = shaped
        self._together = together
        self._results = self._run(documents)

    def __iter__(self) -> Iterator[Result | Reject]:
        """The pass itself; it can be made once."""
        return self._results

    def __next__(self) -> Result | Reject:
        """The next result or reject."""
        return next(self._results)

    def _run(self, documents: Iterable[Document | Reject | Block]) -> Iterator[Result | Reject]:
        for one in documents:
            if isinstance(one, Reject):
                self.rejects += 1
                yield one
                continue
            part: Iterator[Document]
            if isinstance(one, Block):
                part, number = enumerate(one.documents, one.first), len(one.documents)
            else:
                part, number = iter((one,)), 1
            self.events += number  # but for those that are counted when they are read
            declined: Document | None
            while number:
                hits: list[Hit] = []
                declined = self._sweep(part, hits)
                yield from self._wanted(hits)
                if declined is None:
                    break
                self.events -= 1
                yield from self._slowly(*declined)
                number -= 1  # at least: when none is left, no fast way is made for what comes after them

    def _sweep(self, documents: Iterator[Document], hits: list[Hit]) -> Document | None:
        """By the fast way of the source that the last event had; before the first there is none."""
        return (no_fast_way if self._program is None else self._program.sweep)(documents, hits)

    def _wanted(self, hits: list[Hit]) -> Iterator[Result | Reject]:
        """Events that the fast way has matched: together where their ids are known, else each read in full."""
        own = self._own
        if own is None or not hits:
            return
        if self._together is not None and hits[0][3]:
            yield self._together(own, hits)
            return
        self.events -= len(hits)
        for place, raw, rows, _ in hits:
            one = read_event(raw, received_us=self._received_us, source=own)
            self._count(one)
            yield replace(one, place=place) if isinstance(one, Reject) else self._shaped(Found(place, one, rows))

    def _count(self, one: object) -> None:
        if isinstance(one, Reject):
            self.rejects += 1
        else:
            self.events += 1

    def _slowly(self, place: int, raw: bytes) -> Generator[Result | Reject, None, None]:
        """One document in full; the fast way of its last event's source comes next."""
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
        if last is not None and last is not self._own:
            self._own, self._program = last, self._engine.program(last)
