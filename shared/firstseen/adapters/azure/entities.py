"""Rows as Table Storage's entities, and back. Pure. Its limits are enforced here: it, or the SDK, may not."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from azure.data.tables import EdmType, EntityProperty, TableEntity

from firstseen.adapters.azure import schema
from firstseen.adapters.azure.schema import Place
from firstseen.errors import StoreUnusable
from firstseen.findings.finding import Finding, Status
from firstseen.findings.finding import load as load_finding
from firstseen.findings.text import minimal
from firstseen.store import rows
from firstseen.store.state import KeyState
from firstseen.store.state import load as load_state
from firstseen.store.store import FindingRow, Record, StoredState, Version

Property = str | bytes | EntityProperty
New = dict[str, Property]

COMPRESS_BYTES = 4 * 1024
"""Larger data is compressed: it travels as base64 in JSON."""

CHUNK_BYTES = 64 * 1024
"""Of one binary property; data is spread over as many as it needs."""

MAX_CHUNKS = 15

MAX_PROPERTIES = 252
MAX_STRING_CHARS = 32_768
MAX_ENTITY_BYTES = 1024 * 1024
"""What Table Storage takes in one entity, counted as it counts: names and strings in UTF-16."""

MAX_LOADED_BYTES = 16 * 1024 * 1024
"""Of data unpacked: more than any row that we write."""

MAX_OWNER_CHARS = 256

_ETAG = re.compile(r'W/"[!#-~]{1,200}"')


def place_of(entity: Mapping[str, object]) -> Place:
    """Where an entity lies."""
    return cast("str", entity["PartitionKey"]), cast("str", entity["RowKey"])


def text_of(entity: TableEntity, name: str) -> str:
    """A property that is a string, "" if it is absent."""
    return cast("str", entity.get(name, ""))


def bytes_of(entity: TableEntity, name: str) -> bytes:
    """A property that is binary, empty if it is absent."""
    return cast("bytes", entity.get(name, b""))


def number_of(entity: TableEntity, name: str) -> int | None:
    """A property that is a 64-bit integer."""
    found = entity.get(name)
    return None if found is None else int(found.value if isinstance(found, EntityProperty) else found)


def etag_of(entity: TableEntity) -> str:
    """The version that a conditional write names."""
    return entity.metadata["etag"] or ""


def is_etag(version: Version) -> bool:
    """Whether it can be a row's version at all; the service refuses a call with anything else."""
    return _ETAG.fullmatch(version) is not None


def token_of(entity: TableEntity) -> str:
    """Which attempt wrote the row."""
    return text_of(entity, "token")


def uid_of(entity: TableEntity) -> str:
    """The finding of a finding's or an index row."""
    return schema.decoded(bytes_of(entity, "uid"))


def number(value: int) -> EntityProperty:
    """A 64-bit integer: the SDK takes 32 bits unless it is told."""
    return EntityProperty(value, EdmType.INT64)


def located(place: Place) -> New:
    """An entity with nothing in it yet."""
    return {"PartitionKey": place[0], "RowKey": place[1]}


def body(data: bytes) -> New:
    """The properties that hold a row's data."""
    name = "data"
    if len(data) > COMPRESS_BYTES:
        name, data = "zlib", zlib.compress(data)
    pieces = range(0, max(1, len(data)), CHUNK_BYTES)
    return {f"{name}{place}": data[start : start + CHUNK_BYTES] for place, start in enumerate(pieces)}


def unpacked(entity: TableEntity) -> bytes:
    """What :func:`body` was given. Raises StoreUnusable on damage."""
    if "data0" in entity:
        return b"".join(_pieces(entity, "data"))
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(b"".join(_pieces(entity, "zlib")), MAX_LOADED_BYTES)
    except zlib.error as exc:
        msg = f"the row {'/'.join(place_of(entity))} cannot be read: {exc}; restore the table or delete the row"
        raise StoreUnusable(msg) from exc
    if not unpacker.eof:
        msg = f"the row {'/'.join(place_of(entity))} is cut or too large; restore the table or delete the row"
        raise StoreUnusable(msg)
    return data


def _pieces(entity: TableEntity, name: str) -> list[bytes]:
    names = (f"{name}{place}" for place in range(MAX_CHUNKS + 1))
    return [bytes_of(entity, one) for one in names if one in entity]


def entity_bytes(entity: New) -> int:
    """The size of an entity as Table Storage counts it."""
    keys = 4 + 2 * sum(len(one) for one in place_of(entity))
    return keys + sum(8 + 2 * len(name) + _property_bytes(value) for name, value in entity.items())


def _property_bytes(value: Property) -> int:
    if isinstance(value, bytes):
        return len(value) + 4
    return 2 * _chars(value) + 4 if isinstance(value, str) else 8


def _chars(text: str) -> int:
    """Characters as Table Storage counts them."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fits(entity: New) -> bool:
    """Whether Table Storage can take it."""
    values = entity.values()
    return (
        len(entity) - 2 <= MAX_PROPERTIES
        and entity_bytes(entity) <= MAX_ENTITY_BYTES
        and all(_chars(one) <= MAX_STRING_CHARS for one in values if isinstance(one, str))
        and all(len(one) <= CHUNK_BYTES for one in values if isinstance(one, bytes))
    )


def checked(entity: New, what: str) -> New:
    """The entity. Raises StoreUnusable for one that Table Storage cannot take."""
    if not fits(entity):
        msg = f"{what} has {entity_bytes(entity)} bytes, Table Storage takes 1 MiB: forget the key or delete it"
        raise StoreUnusable(msg)
    return entity


def expiry(expires_at_us: int | None) -> New:
    """What ``expire`` looks for."""
    return {} if expires_at_us is None else {"expires_us": number(expires_at_us)}


def state_entity(key: str, state: KeyState, token: str, expires_at_us: int | None) -> New:
    """A key's state."""
    entity: New = {
        **located(schema.state_place(key)),
        **body(rows.state_bytes(state)),
        **expiry(expires_at_us),
        "token": token,
        "key": schema.encoded(key),
        "rule": schema.hashed(rows.whole_text(state.rule_id)),
    }
    return checked(entity, f"the state of key {key}")


def finding_entity(finding: Finding, token: str, expires_at_us: int | None = None) -> New:
    """A new finding; with less of its raw event, and in short form at worst, if an entity cannot hold it.

    Raw events shrink to a fifth, so that takes one that does not compress and bloats in JSON.
    """
    entity: New = {
        **located(schema.finding_place(finding.uid)),
        **expiry(expires_at_us),
        "token": token,
        "uid": schema.encoded(finding.uid),
        "status": rows.first_status(finding),
        "time_us": number(finding.time_us),
        "rule": schema.hashed(rows.whole_text(finding.card.id)),
    }
    smaller = finding
    for _ in range(8):
        whole = {**entity, **body(rows.finding_bytes(smaller))}
        if fits(whole):
            return whole
        smaller = replace(smaller, raw=smaller.raw[: len(smaller.raw) // 2])
    return checked({**entity, **body(rows.finding_bytes(minimal(finding)))}, f"finding {finding.uid}")


def index_entities(finding: Finding, token: str, expires_at_us: int | None = None) -> list[New]:
    """The index rows that a new finding is found by."""
    indexes = [schema.TIME, schema.rule_index(rows.whole_text(finding.card.id))]
    if rows.first_status(finding) == "pending":
        indexes.append(schema.DUE)
    shown: New = {"uid": schema.encoded(finding.uid), "token": token, "routing": finding.routing}
    shown |= expiry(expires_at_us)
    return [{**located(schema.index_place(index, finding.time_us, finding.uid, token)), **shown} for index in indexes]


def index_places(entity: TableEntity) -> list[Place]:
    """Where a stored finding's index rows lie; of its time, rule and due, in this order."""
    time_us, uid, token = number_of(entity, "time_us") or 0, uid_of(entity), token_of(entity)
    indexes: Sequence[str] = (schema.TIME, f"R-{text_of(entity, 'rule')}", schema.DUE)
    return [schema.index_place(index, time_us, uid, token) for index in indexes]


def record_entity(record: Record, token: str) -> New:
    """A record."""
    entity: New = {
        **located(schema.record_place(record.kind, record.name)),
        **body(record.data),
        **expiry(record.expires_at_us),
        "token": token,
        "name": schema.encoded(record.name),
    }
    return checked(entity, f"record {record.kind}/{record.name[:80]!r}")


def stored_state(entity: TableEntity) -> StoredState:
    """The state in an entity."""
    return StoredState(load_state(unpacked(entity)), etag_of(entity))


def finding_row(entity: TableEntity) -> FindingRow:
    """The finding in an entity."""
    return FindingRow(load_finding(unpacked(entity)), status_of(entity))


def status_of(entity: TableEntity) -> Status:
    """A finding's status."""
    return cast("Status", entity["status"])


def owner_text(owner: str) -> str:
    """An owner as a lease holds it."""
    return owner if len(owner) <= MAX_OWNER_CHARS and rows.whole_text(owner) == owner else schema.hashed(owner)


def lease_of(entity: TableEntity) -> tuple[str, int] | None:
    """(owner, end in microseconds) of the last claim."""
    until_us = number_of(entity, "lease_until_us")
    return None if until_us is None else (text_of(entity, "lease_owner"), until_us)


def record_of(kind: str, entity: TableEntity) -> Record:
    """The record in an entity."""
    name = schema.decoded(bytes_of(entity, "name"))
    return Record(kind, name, unpacked(entity), etag_of(entity), number_of(entity, "expires_us"))
