"""Envelopes: documents that carry events inside, as the clouds' services deliver them.

One table says which there are. An envelope is known by its top-level keys; its parts are the inner documents,
byte for byte as they stand, which may be events or envelopes again (:mod:`firstseen.sources.reading` follows
them, with a bound).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import orjson

from firstseen.sources import gcp_envelopes as gcp
from firstseen.sources.event import Reject
from firstseen.sources.scanning import elements
from firstseen.sources.views import is_view, rejected, value_of

MAX_QUICK_COMMAS = 500_000
"""An array with more is cut one element at a time, so that a hostile one does not fill the memory."""

Part = bytes | Reject
Members = Mapping[str, msgspec.Raw]


class Unwrapped(NamedTuple):
    """What an envelope held: its name for messages, and each part as a document or a reject. Read the parts
    once.
    """

    envelope: str
    parts: Iterable[Part]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One kind of envelope.

    Attributes:
        name: for messages.
        keys: the top-level keys that all of its documents have.
        parts: the inner documents, from the raw top-level members.
    """

    name: str
    keys: frozenset[str]
    parts: Callable[[Members], Iterable[Part]]


def _listed(key: str) -> Callable[[Members], Iterable[Part]]:
    """The elements of the array under ``key``."""
    return lambda members: _elements(bytes(members[key]), key)


def _elements(array: bytes, key: str) -> Iterable[Part]:
    if not array.lstrip().startswith(b"["):
        return (rejected(f"{key} should be an array of events", array),)
    if array.count(b",") > MAX_QUICK_COMMAS:
        return elements(array)
    return map(bytes, msgspec.json.decode(array, type=list[msgspec.Raw]))


def _object(key: str) -> Callable[[Members], Iterable[Part]]:
    """The object under ``key``, or the JSON text of one."""
    return lambda members: (_document(bytes(members[key]), key),)


def _document(raw: bytes, key: str) -> Part:
    if raw.startswith(b"{"):
        return raw
    value = value_of(raw)
    if isinstance(value, str):
        return value.encode()
    return rejected(f"{key} should be an event", raw)


def _log_events(members: Members) -> Iterator[Part]:
    """The messages of a CloudWatch Logs delivery; its control messages carry none."""
    if b"CONTROL_MESSAGE" in bytes(members["messageType"]):
        return
    for element in _elements(bytes(members["logEvents"]), "logEvents"):
        if isinstance(element, Reject):
            yield element
            continue
        value = value_of(element)
        message = value.get("message") if is_view(value) else None
        if isinstance(message, str):
            yield message.encode()
        elif is_view(message):
            yield orjson.dumps(message)
        else:
            yield rejected("an element of logEvents without a message", element)


def _tables(members: Members) -> Iterator[Part]:
    """Each row of each table as an object of its columns."""
    for table in _elements(bytes(members["tables"]), "tables"):
        if isinstance(table, Reject):
            yield table
            continue
        value = value_of(table)
        columns, rows = (value.get("columns"), value.get("rows")) if is_view(value) else (None, None)
        if not isinstance(columns, list) or not isinstance(rows, list):
            yield rejected("an element of tables without columns and rows", table)
            continue
        names = [one.get("name") if is_view(one) else None for one in columns]
        for row in rows:
            yield _row(names, row)


def _row(names: list[Any], row: object) -> Part:
    if not isinstance(row, list) or len(row) != len(names):
        return rejected("a row that has not a value for each column", orjson.dumps(row))
    cells = {name: cell for name, cell in zip(names, row, strict=True) if isinstance(name, str)}
    return orjson.dumps(cells)


ENVELOPES: tuple[Envelope, ...] = (
    Envelope("EventBridge event", frozenset({"detail-type", "source", "detail"}), _object("detail")),
    Envelope("LookupEvents item", frozenset({"CloudTrailEvent"}), _object("CloudTrailEvent")),
    Envelope("CloudWatch Logs delivery", frozenset({"messageType", "logEvents"}), _log_events),
    Envelope("Records document", frozenset({"Records"}), _listed("Records")),
    Envelope("LookupEvents answer", frozenset({"Events"}), _listed("Events")),
    Envelope("Event Hub message", frozenset({"records"}), _listed("records")),
    Envelope("Log Analytics answer", frozenset({"tables"}), _tables),
    Envelope("REST answer", frozenset({"value"}), _listed("value")),
    Envelope("action log answer", frozenset({"logs"}), _listed("logs")),
    Envelope("Yandex Cloud Logging entry", frozenset({"json_payload"}), _object("json_payload")),
    Envelope("Pub/Sub push", frozenset({"message", "subscription"}), gcp.message),
    Envelope("Pub/Sub message", frozenset({"message", "ackId"}), gcp.message),
    Envelope("Pub/Sub answer", frozenset({"receivedMessages"}), gcp.messages),
    Envelope("Cloud Logging answer", frozenset({"entries"}), _listed("entries")),
    Envelope("BigQuery row", frozenset({gcp.ROW}), gcp.row),
    Envelope("audit log search", frozenset({"AuditData"}), _object("AuditData")),
    Envelope("audit log search", frozenset({"auditData"}), _object("auditData")),
)
"""In the order in which they are tried."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unwrap(raw: bytes) -> Unwrapped | None:
    """What the envelope in ``raw`` holds; None when it is none that is known. The outer object must be
    readable.

    Costs about as much as scanning the bytes once: nothing inside is decoded.
    """
    members = _members_of(raw)
    for envelope in ENVELOPES:
        if envelope.keys <= members.keys():
            return Unwrapped(envelope.name, envelope.parts(members))
    return None


def _members_of(raw: bytes) -> Members:
    try:
        return _members.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Strings that msgspec refuses are read in the tolerant way, and written again.
        value = value_of(raw)
        return {key: msgspec.Raw(orjson.dumps(one)) for key, one in value.items()} if is_view(value) else {}
