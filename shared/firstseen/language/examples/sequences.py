"""Examples of correlations: short sequences of events with times, and how many findings each should cause.

The expectations follow from the kind of correlation. Where base rules overlap (an event of the first is also one of the
second) a counter-example may fire after all: whoever shows sequences runs them first and leaves out what is not so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from firstseen.language.examples.events import Example, at_time, distinct, example, has
from firstseen.language.examples.parts import AskOf, Part, parts_of
from firstseen.language.examples.places import with_text
from firstseen.language.examples.search import Unsolved
from firstseen.language.predicates import Leaf, Not, Predicate
from firstseen.language.rules import Base, Correlation
from firstseen.sources.source import Source, View

MAX_EVENTS = 1_000
"""In one sequence. Rules that count further have no example."""
MAX_SEARCHED_VALUES = 30
STEP_SECONDS = 60
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Events:
    """A sequence of events, in event-time order.

    Attributes:
        name: what it shows, as a statement.
        views: the events.
        sources: the log source of each.
        expected: how many findings it causes.
    """

    name: str
    views: tuple[View, ...]
    sources: tuple[Source, ...]
    expected: int


def sequences(
    correlation: Correlation, bases: Mapping[str, Base], sources: Mapping[str, Source], ask_of: AskOf,
    *, supposing: bool = False,
) -> tuple[Events, ...] | Unsolved:  # fmt: skip
    """Sequences for the correlation: the first causes a finding, the others show where it ends.

    ``bases`` by id, ``sources`` by name.
    """
    if correlation.count > MAX_EVENTS:
        return Unsolved(f"it needs {correlation.count:,} events; examples have at most {MAX_EVENTS:,}", certain=False)
    parts = parts_of(correlation, bases, sources, ask_of, supposing=supposing)
    if isinstance(parts, Unsolved):
        return parts
    made = _Sequences(correlation, parts).all()
    return made or Unsolved("no sequence of events could be put into its timespan", certain=False)


class _Sequences:
    """The sequences of one correlation."""

    def __init__(self, correlation: Correlation, parts: Sequence[Part]) -> None:
        self._correlation = correlation
        self._parts = parts
        self._made = 0
        times = [_whole_second(part.example.source.time(part.example.view) or 0) for part in parts]
        usual = [
            _whole_second(source.time(source.sample) or 0)
            for source in {part.example.source.name: part.example.source for part in parts}.values()
        ]
        # A member that asks for an hour or a day decides when all of it happens.
        self._starts_us = sorted(dict.fromkeys(times), key=lambda time_us: time_us in usual)

    def all(self) -> tuple[Events, ...]:
        """The example first; nothing when that cannot be made."""
        ways = {
            "match": self._match, "new_terms": self._new_terms, "event_count": self._event_count,
            "value_count": self._value_count, "temporal": self._temporal, "temporal_ordered": self._temporal,
        }  # fmt: skip
        found = [one for one in ways[self._correlation.type]()]  # noqa: C416 - a generator of optional values
        if not found or found[0] is None:
            return ()
        return tuple(one for one in found if one is not None)

    def _match(self) -> Iterator[Events | None]:
        yield self._placed("a matching event is a finding", [(0, None)], 1)

    def _new_terms(self) -> Iterator[Events | None]:
        span_s = -(-self._correlation.timespan_us // SECOND_US)
        again = span_s + STEP_SECONDS
        if self._correlation.when == "returning":
            yield self._placed("a term that comes back after its timespan is a finding", [(0, None)] * 2, 1, again)
            yield self._placed("a term that was never seen is no finding", [(0, None)], 0)
            return
        yield self._placed("a term that was not seen before is a finding", [(0, None)], 1)
        yield self._placed("seen again within the timespan it is no other finding", [(0, None)] * 2, 1, self._step_s(2))
        expected = 1 if self._correlation.when == "never" else 2
        name = "seen again after its timespan it is " + ("new again" if expected > 1 else "still not new")
        yield self._placed(name, [(0, None)] * 2, expected, again)

    def _event_count(self) -> Iterator[Events | None]:
        count = self._correlation.count
        yield self._placed(f"{count} events within the timespan are a finding", [(0, None)] * count, 1)
        if count > 1:
            yield self._placed(f"{count - 1} are none", [(0, None)] * (count - 1), 0)

    def _value_count(self) -> Iterator[Events | None]:
        count = self._correlation.count
        views = list(_varied(self._parts[0], count))
        if len(views) < count:
            return
        plan: list[tuple[int, View | None]] = [(0, view) for view in views]
        yield self._placed(f"{count} different values within the timespan are a finding", plan, 1)
        if count > 1:
            yield self._placed(f"{count - 1} different values are none", plan[:-1], 0)
            yield self._placed("the same value again and again is none", [(0, None)] * count, 0)

    def _temporal(self) -> Iterator[Events | None]:
        order: list[tuple[int, View | None]] = [(number, None) for number in range(len(self._parts))]
        ordered = self._correlation.type == "temporal_ordered"
        yield self._placed(
            "every rule" + (", in order," if ordered else "") + " within the timespan is a finding", order, 1
        )
        yield self._placed("without the last rule it is none", order[:-1], 0)
        if ordered:
            yield self._placed("in the opposite order it is none", order[::-1], 0, max(1, self._step_s(len(order))))

    def _step_s(self, number: int) -> int:
        """Seconds between events, so that all lie well within the timespan."""
        return min(STEP_SECONDS, self._correlation.timespan_us // SECOND_US // (2 * max(1, number)))

    def _placed(
        self, name: str, plan: Sequence[tuple[int, View | None]], expected: int, step_s: int | None = None
    ) -> Events | None:
        """The planned events as distinct operations at their times, or None when that cannot be done."""
        own = self._step_s(len(plan)) if step_s is None else step_s
        steps = (own,) if step_s is not None else tuple(dict.fromkeys((own, min(own, 1), 0)))
        for start_us, step in product(self._starts_us, steps):
            views = [
                self._event(part, view, start_us + number * step * SECOND_US)
                for number, (part, view) in enumerate(plan)
            ]
            if all(view is not None for view in views):
                sources = tuple(self._parts[part].example.source for part, _ in plan)
                return Events(name, tuple(view for view in views if view is not None), sources, expected)
        return None

    def _event(self, number: int, view: View | None, time_us: int) -> View | None:
        part = self._parts[number]
        own = part.example if view is None else Example(part.example.source, view, ())
        self._made += 1
        seed = f"{self._correlation.card.id}/{part.base.id}"
        group = [part.text(name, own.view) for name in part.member.group_by]

        def holds(changed: View) -> bool:
            return part.holds(changed) and [part.text(name, changed) for name in part.member.group_by] == group

        found = distinct(own, self._made, seed, holds)
        if found is None:
            return None
        return at_time(own.source, found, time_us, holds)


def _whole_second(time_us: int) -> int:
    """Times are written in whole seconds; a sample that has more digits could never be put at its own time."""
    return time_us // SECOND_US * SECOND_US


def _varied(part: Part, count: int) -> Iterator[View]:
    """Events of the part with different values of the counted fields; as many as can be made, at most ``count``."""
    seen: set[tuple[str | None, ...]] = set()
    groups = [part.text(name) for name in part.member.group_by]
    for view in _ways(part, count):
        values = tuple(part.text(name, view) for name in part.member.fields)
        if values in seen or [part.text(name, view) for name in part.member.group_by] != groups or not part.holds(view):
            continue
        seen.add(values)
        yield view
        if len(seen) >= count:
            return


def _ways(part: Part, count: int) -> Iterator[View]:
    yield part.example.view
    source = part.example.source
    for name in part.member.fields:
        accessor = source.accessor(name, vocabulary=part.base.vocabulary)
        usual = part.text(name) or "example"
        for number in range(1, 4 * count):
            for text in _numbered(usual, number):
                yield from with_text(part.example.view, source, accessor, text)
    yield from _searched(part, min(count, MAX_SEARCHED_VALUES))


def _searched(part: Part, count: int) -> Iterator[View]:
    """Values that the rule allows in no regular way: searched one by one, each unlike those before."""
    also: list[Predicate] = [has(name) for name in (*part.member.group_by, *part.member.fields)]
    for name in part.member.fields[:1]:
        for _ in range(count):
            found = example(part.base, part.example.source, part.ask, also=tuple(also))
            text = part.text(name, found.view) if isinstance(found, Example) else None
            if text is None or isinstance(found, Unsolved):
                return
            also.append(Not(Leaf(name, "equals", text)))
            yield found.view


def _numbered(text: str, number: int) -> Iterator[str]:
    """``text`` counted on: addresses and numbers by adding, other texts by a suffix."""
    try:
        yield str(ipaddress.ip_address(text) + number)
    except (ValueError, ipaddress.AddressValueError):
        if text.isdecimal() and text.isascii():
            yield str(int(text[-18:]) + number).zfill(len(text))
        yield f"{text}-{number}"
        yield f"{number}-{text}"
