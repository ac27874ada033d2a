"""From one JSON document to its events: recognise, unwrap, identify, time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from firstseen.sources.event import Event, Reject
from firstseen.sources.registry import SOURCES, recognise
from firstseen.sources.source import Derived, Source, View
from firstseen.sources.splitting import cut
from firstseen.sources.times import HOUR_US, YEAR_2006_US
from firstseen.sources.views import is_view, rejected, shown, value_of, view_of

__all__ = ["MAX_NESTING", "read_document", "read_event", "view_of"]

MAX_NESTING = 4
"""Envelopes within envelopes; real deliveries have two (a log delivery that carries bus events)."""

MAX_ID_CHARACTERS = 256
MAX_CLOCK_SKEW_US = HOUR_US
"""An event may be this much later than its receipt; a later one is taken as received then."""

_SHOWN_KEYS = 6


def read_document(
    place: int, raw: bytes, *, received_us: int, source: Source | None = None
) -> Iterator[Event | Reject]:
    """Every event in one document, and a reject for each part that is none.

    ``place`` is the document's line or position, for rejects. With ``source`` a document that is no envelope
    is read as that source's, unless it is recognised as another one's: that is a reject.
    """
    for one in _read(raw.strip(), received_us, source, 0):
        yield Reject(one.reason, one.raw, place, one.rule_id) if isinstance(one, Reject) else one


def read_event(raw: bytes, *, received_us: int, source: Source | None = None) -> Event | Reject:
    """The event in ``raw``, which is not an envelope. ``source``: take it as this source's, recognised or
    not.
    """
    raw = raw.strip()  # a line's break is not the event's
    view = view_of(raw)
    if isinstance(view, Reject):
        return view
    found = source or recognise(view)
    return _unrecognised(raw, view) if found is None else _event(found, raw, view, received_us)


def _read(raw: bytes, received_us: int, source: Source | None, depth: int) -> Iterator[Event | Reject]:
    if depth > MAX_NESTING:
        yield rejected(f"envelopes within envelopes, more than {MAX_NESTING} deep: unwrap it first", raw)
        return
    value = value_of(raw)
    if isinstance(value, Reject):
        yield from _read_pieces(raw, value, received_us, source, depth)
        return
    if isinstance(value, str):
        yield from _read(value.encode(), received_us, source, depth + 1)
        return
    if not is_view(value):
        yield rejected(f"a JSON object is expected, this is {shown(value)}", raw)
        return
    recognised = source if source is not None and source.recognise(value) else recognise(value)
    if recognised is None:
        from firstseen.sources.envelopes import unwrap  # noqa: PLC0415 - most inputs are events as they stand

        unwrapped = unwrap(raw)
        if unwrapped is not None:
            for part in unwrapped.parts:
                for one in (part,) if isinstance(part, Reject) else _read(part, received_us, source, depth + 1):
                    yield _within(unwrapped.envelope, one)
            return
    if source is not None and recognised is not None and recognised.name != source.name:
        yield rejected(f"it should be of {source.name}, and is an event of {recognised.name}", raw)
        return
    chosen = source or recognised
    yield _unrecognised(raw, value) if chosen is None else _event(chosen, raw, value, received_us)


def _read_pieces(
    raw: bytes, fault: Reject, received_us: int, source: Source | None, depth: int
) -> Iterator[Event | Reject]:
    """What is no single JSON value may be several, or an array of which one element is broken."""
    pieces = cut(raw)
    first = next(pieces, None)
    if first is None or isinstance(first, Reject) or len(first) == len(raw.strip()):
        yield fault
        return
    yield from _read(first, received_us, source, depth + 1)
    for piece in pieces:
        if isinstance(piece, Reject):
            yield piece
        else:
            yield from _read(piece, received_us, source, depth + 1)


def _within(envelope: str, one: Event | Reject) -> Event | Reject:
    if isinstance(one, Reject):
        return Reject(f"in the {envelope}: {one.reason}", one.raw)
    return one


def _unrecognised(raw: bytes, view: View) -> Reject:
    keys = [shown(key) for key, _ in zip(view, range(_SHOWN_KEYS), strict=False)]
    what = f"its keys are {', '.join(keys)}{', …' if len(view) > _SHOWN_KEYS else ''}" if keys else "it is empty"
    known = ", ".join(SOURCES)
    return rejected(f"no event or envelope of a log that is known here ({known}): {what}", raw)


def _event(source: Source, raw: bytes, view: View, received_us: int) -> Event | Reject:
    remarks = list(source.remarks(view))
    time_us = source.time(view)
    if time_us is None:
        found = _value(source, view)
        what = "it has none" if found is None else f"it has {shown(found)}"
        return rejected(f"{source.name}: no time that can be read: needs {source.expects}, {what}", raw)
    if time_us < 0:
        return rejected(f"{source.name}: its time lies before 1970: {shown(_value(source, view))}", raw)
    if time_us < YEAR_2006_US:
        remarks.append("its time lies before 2006, before there were such logs")
    if time_us > received_us + MAX_CLOCK_SKEW_US:
        remarks.append("its time lies more than an hour after it was received: taken as received")
        time_us = received_us
    identity = source.event_id(view)
    if identity is None:
        identity = _content_id(view)
        remarks.append("no event id: a hash of its content serves")
    elif len(identity) > MAX_ID_CHARACTERS:
        identity = _content_id(view)
        remarks.append(f"an event id of more than {MAX_ID_CHARACTERS} characters: a hash of the content serves")
    operation = source.operation_id(view)
    if operation is None or len(operation) > MAX_ID_CHARACTERS:
        operation = identity
    return Event(source, raw, view, identity, operation, time_us, received_us, tuple(remarks))


def _value(source: Source, view: View) -> Any:
    place = source.common["time"]
    if isinstance(place, Derived):
        return place.function(view)
    value: Any = view
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _content_id(view: View) -> str:
    """Equal for copies whose keys stand in another order or with other white space."""
    text = orjson.dumps(view, option=orjson.OPT_SORT_KEYS)
    return f"sha256-{hashlib.sha256(text).hexdigest()[:32]}"
