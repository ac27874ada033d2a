"""Examples of one base rule: an event that it holds for, near misses, and copies that count as further operations."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from firstseen.language.examples.asking import Ask
from firstseen.language.examples.hints import IDS
from firstseen.language.examples.literals import Literal
from firstseen.language.examples.places import known, paths_of, put, value_at, with_text
from firstseen.language.examples.search import Search, Solved, Unsolved, needs_value
from firstseen.language.examples.shapes import follows, shaped
from firstseen.language.examples.words import said_of
from firstseen.language.predicates import Leaf, Predicate, conjunction
from firstseen.language.rules import Base
from firstseen.sources.source import Accessor, Source, View

MAX_NEAR_MISSES = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """An event for which a base rule holds.

    Attributes:
        source: the log source that it is of.
        view: the event.
        literals: what makes it so.
        supposed: fields of it that the source is not known to have.
    """

    source: Source
    view: View
    literals: tuple[Literal, ...]
    supposed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An event that differs from an example in one place, and for which the rule does not hold.

    ``changed`` says what is no longer so.
    """

    view: View
    changed: str


def example(
    base: Base, source: Source, ask: Ask, *, also: tuple[Predicate, ...] = (), supposing: bool = False
) -> Example | Unsolved:
    """An event of ``source`` for which the rule holds, and what is asked ``also``.

    ``supposing``: where that takes fields that the source is not known to have, suppose that it has them, and say so.
    """
    predicate = conjunction(base.predicate, *also) if also else base.predicate
    found = Search(source, base.vocabulary, ask).solve(predicate)
    if isinstance(found, Unsolved) and found.unknown_field and supposing:
        found = Search(source, base.vocabulary, ask, supposing=True).solve(predicate)
    if isinstance(found, Unsolved):
        return found
    names = [one.field for one in found.literals if one.wanted and one.field is not None and needs_value(one)]
    supposed = tuple(dict.fromkeys(name for name in names if not known(source, base.vocabulary, name)))
    return Example(source, _plain(found, source, ask, predicate), found.literals, supposed)


def near_misses(base: Base, one: Example, ask: Ask) -> Iterator[NearMiss]:
    """For each condition that the example meets, the event that breaks it alone; at most :data:`MAX_NEAR_MISSES`.

    Conditions that cannot be broken so that the rule fails (another alternative takes over) give none.
    """
    seen: list[View] = []
    for literal in one.literals[:MAX_NEAR_MISSES]:
        others = [other for other in one.literals if other is not literal and other.field == literal.field]
        found = _broken(base, one, literal, others, ask) or _broken(base, one, literal, [], ask)
        if found is not None and found not in seen:
            seen.append(found)
            yield NearMiss(found, said_of(literal))


def _broken(base: Base, one: Example, literal: Literal, others: list[Literal], ask: Ask) -> View | None:
    search = Search(one.source, base.vocabulary, ask, supposing=bool(one.supposed))
    flipped = literal.flipped()
    for changed in search.changes(one.view, flipped, others):
        if (
            search.holds(flipped, changed)
            and all(search.holds(other, changed) for other in others)
            and not ask(base.predicate, changed)
            and one.source.time(changed) is not None
            and one.source.recognise(changed)
        ):
            return changed
    return None


def _plain(found: Solved, source: Source, ask: Ask, predicate: Predicate) -> View:
    """The event without what the sample says about another call: its parameters, its answer."""
    view = next((one for one in shaped(found.view, source) if ask(predicate, one)), found.view)
    if follows(source) or all(view.get(key) == source.sample.get(key) for key in source.index):
        return view
    for name in sorted(source.known):
        key = name.rstrip(".")
        if name.endswith(".") and "." not in key and key in view:
            for plainer in _plainer(view, key, source.sample.get(key)):
                if ask(predicate, plainer):
                    view = plainer
                    break
    return view


def _plainer(view: View, key: str, usual: object) -> Iterator[View]:
    """The event without the sample's value at ``key``; where that was changed, without the members that it had."""
    here = view[key]
    if here == usual:
        yield put(view, (key,), None)
    elif isinstance(here, dict) and isinstance(usual, dict):
        own = {name: value for name, value in here.items() if name not in usual or usual[name] != value}
        if own != here:
            yield put(view, (key,), own)


def distinct(one: Example, number: int, seed: str, holds: Callable[[View], bool]) -> View | None:
    """The example as another event and another operation, or None when it cannot be told apart.

    The ids are made from ``seed`` and ``number``, so that the same rules give the same examples.
    """
    source, view = one.source, one.view
    text = str(uuid.UUID(bytes=hashlib.sha256(f"{seed}/{number}".encode()).digest()[:16], version=4))
    ids = with_text(view, source, source.common.get("id", ()), text) if "id" in source.common else iter(())
    view = (
        _first(
            chain((put(view, path, text) for path in IDS.get(source.name, ())), ids),
            lambda changed: source.event_id(changed) not in (None, source.event_id(view)) and holds(changed),
        )
        or view
    )
    if source.operation_id(view) != source.operation_id(one.view):
        return view
    before = source.operation_id(one.view)
    ways = (put(view, path, text) for path in paths_of(view) if isinstance(value_at(view, path), str))
    return _first(
        ways,
        lambda changed: (
            source.operation_id(changed) != before
            and source.time(changed) == source.time(view)
            and source.recognise(changed)
            and holds(changed)
        ),
    )


def at_time(source: Source, view: View, time_us: int, holds: Callable[[View], bool]) -> View | None:
    """The event at that time (whole seconds are written), or None when it cannot be placed there."""
    accessor: Accessor | None = source.common.get("time")
    if accessor is None:
        return None
    text = (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _first(
        with_text(view, source, accessor, text), lambda changed: source.time(changed) == time_us and holds(changed)
    )


def _first(views: Iterator[View], wanted: Callable[[View], bool]) -> View | None:
    return next((view for view in views if wanted(view)), None)


def has(field: str) -> Predicate:
    """Asks that an event has the field: it takes part in a correlation over it."""
    return Leaf(field, "present")
