"""Rows as DynamoDB's items, and back. Pure."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from firstseen.adapters.aws.schema import TTL_ATTRIBUTE, shard
from firstseen.errors import StoreUnusable
from firstseen.findings.finding import Finding, Status, key_of
from firstseen.findings.finding import load as load_finding
from firstseen.findings.text import minimal
from firstseen.store import rows
from firstseen.store.state import load as load_state
from firstseen.store.store import Change, FindingRow, Record, StoredState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]
    New = dict[str, AttributeValueTypeDef]

STATE = "K"
FINDING = "F#"
RECORD = "R#"

COMPRESS_BYTES = 800
"""Larger data is compressed. Writes are priced by the begun kilobyte, names and other attributes (some 150 bytes)
included; the ids of sightings shrink to half, a finding to a third."""

MAX_DATA_BYTES = 380_000
"""Of one item's data; DynamoDB takes 400 KB with names and the other attributes."""

MAX_LOADED_BYTES = 16 * 1024 * 1024
"""Of data unpacked: more than any row that we write."""

MAX_NAME_BYTES = 900
"""Of a record's name as it stands in a key (1,024 bytes); longer ones end in a hash."""

_ZERO_US = 10**18
"""Added to times in sort keys, so that those before 1970 sort too; microseconds still read as such behind the 1."""

Key = tuple[str, str]
"""(pk, sk)."""

DUE_VALUE, TIME_VALUE = "due", "all"
"""The one value of the indexes whose partitions are shards only."""


def place(key: Key) -> New:
    """The key as DynamoDB wants it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def key_at(item: Item) -> Key:
    """Where an item lies."""
    return item["pk"]["S"], item["sk"]["S"]


def state_key(key: str) -> Key:
    """Where a key's state lies."""
    return key, STATE


def finding_key(uid: str) -> Key:
    """Where a finding lies: in its key's partition."""
    key, _, rest = uid.partition("-")
    return key, FINDING + rest


def uid_of(key: Key) -> str:
    """The finding that lies there."""
    return f"{key[0]}-{key[1].removeprefix(FINDING)}"


def record_partition(kind: str, number: str) -> str:
    """One of the partitions of a kind of records."""
    return f"{RECORD}{rows.whole_text(kind)}#{number}"


def record_key(kind: str, name: str) -> Key:
    """Where a record lies. Names that no key can hold are cut; their hash keeps them apart."""
    plain = rows.whole_text(name)
    encoded = plain.encode()
    if plain != name or len(encoded) > MAX_NAME_BYTES:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        plain = encoded[: MAX_NAME_BYTES - len(digest) - 1].decode("utf-8", "ignore") + "#" + digest
    return record_partition(kind, shard(name)), "N#" + plain


def sort_text(time_us: int) -> str:
    """A time as the indexes sort it: twenty digits."""
    return f"{max(0, time_us + _ZERO_US):020}"


def body(data: bytes) -> New:
    """The attribute that holds a row's data."""
    if len(data) <= COMPRESS_BYTES:
        return {"data": {"B": data}}
    return {"zlib": {"B": zlib.compress(data)}}


def body_bytes(packed: New) -> int:
    """The size of :func:`body`."""
    return sum(len(one["B"]) for one in packed.values())


def unpacked(item: Item) -> bytes:
    """What :func:`body` was given. Raises StoreUnusable on damage."""
    if "data" in item:
        return bytes(item["data"]["B"])
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(item["zlib"]["B"], MAX_LOADED_BYTES)
    except (KeyError, zlib.error) as exc:
        msg = f"the item {'/'.join(key_at(item))} cannot be read: {exc}; restore the table or delete the item"
        raise StoreUnusable(msg) from exc
    if not decompressor.eof:
        msg = f"the item {'/'.join(key_at(item))} is cut or too large; restore the table or delete the item"
        raise StoreUnusable(msg)
    return data


def expiry(expires_at_us: int | None) -> New:
    """What lets DynamoDB drop an item: seconds, rounded up, so that it never goes early."""
    return {} if expires_at_us is None else {TTL_ATTRIBUTE: {"N": str(-(-expires_at_us // 1_000_000))}}


def _checked(packed: New, what: str) -> New:
    if body_bytes(packed) > MAX_DATA_BYTES:
        msg = f"{what} has {body_bytes(packed)} bytes, DynamoDB takes {MAX_DATA_BYTES}: forget the key or delete it"
        raise StoreUnusable(msg)
    return packed


def state_item(change: Change, version: str) -> New:
    """A change's new key state."""
    rule_id = rows.whole_text(change.state.rule_id)
    return {
        **place(state_key(change.key)),
        **_checked(body(rows.state_bytes(change.state)), f"the state of key {change.key}"),
        **expiry(change.expires_at_us),
        "version": {"S": version},
        "rule": {"S": rule_id},
    }


def finding_item(finding: Finding, version: str, expires_at_us: int | None = None) -> New:
    """A new finding, with the attributes of the indexes that it is in."""
    status = rows.first_status(finding)
    number = shard(key_of(finding.uid))
    item: New = {
        **place(finding_key(finding.uid)),
        **_fitted(finding),
        **expiry(expires_at_us),
        "version": {"S": version},
        "status": {"S": status},
        "routing": {"S": finding.routing},
        "at": {"S": f"{sort_text(finding.time_us)}#{finding.uid}"},
        "time_shard": {"S": f"{TIME_VALUE}#{number}"},
        "rule_shard": {"S": f"{rule_value(finding.card.id)}#{number}"},
    }
    if status == "pending":
        item["due_shard"] = {"S": f"{DUE_VALUE}#{number}"}
    return item


def rule_value(rule_id: str) -> str:
    """A rule's id as the index by rule holds it: at most 1,000 bytes, equal for equal ids only."""
    plain = rows.whole_text(rule_id)
    return plain if len(plain.encode()) <= 1_000 else hashlib.sha256(plain.encode()).hexdigest()  # noqa: PLR2004


def _fitted(finding: Finding) -> New:
    """The finding's data, with less of the raw event if an item cannot hold it, and in short form at worst.

    Raw events shrink to a fifth, so this takes one that does not compress and bloats in JSON.
    """
    smaller = finding
    for _ in range(8):
        packed = body(rows.finding_bytes(smaller))
        if body_bytes(packed) <= MAX_DATA_BYTES:
            return packed
        smaller = replace(smaller, raw=smaller.raw[: len(smaller.raw) // 2])
    return _checked(body(rows.finding_bytes(minimal(finding))), f"finding {finding.uid}")


def record_item(record: Record, version: str) -> New:
    """A record; its exact name and time are data, since keys and TTL may hold less."""
    item: New = {
        **place(record_key(record.kind, record.name)),
        **_checked(body(record.data), f"record {record.kind}/{record.name[:80]}"),
        **expiry(record.expires_at_us),
        "version": {"S": version},
        "name": {"B": record.name.encode("utf-8", "surrogatepass")},
    }
    if record.expires_at_us is not None:
        item["expires_us"] = {"N": str(record.expires_at_us)}
    return item


def stored_state(item: Item) -> StoredState:
    """The state in an item."""
    return StoredState(load_state(unpacked(item)), item["version"]["S"])


def finding_row(item: Item) -> FindingRow:
    """The finding in an item."""
    return FindingRow(load_finding(unpacked(item)), status_of(item))


def status_of(item: Item) -> Status:
    """A finding's status."""
    return cast("Status", item["status"]["S"])


def lease_of(item: Item) -> tuple[str, int] | None:
    """(owner, end in microseconds) of the last claim."""
    if "lease_until" not in item:
        return None
    return item["lease_owner"]["S"], int(item["lease_until"]["N"])


def record_of(kind: str, item: Item) -> Record:
    """The record in an item."""
    name = bytes(item["name"]["B"]).decode("utf-8", "surrogatepass")
    expires_at_us = int(item["expires_us"]["N"]) if "expires_us" in item else None
    return Record(kind, name, unpacked(item), item["version"]["S"], expires_at_us)


def aliases(*texts: str) -> dict[str, str]:
    """``#name`` → ``name`` for each alias in an expression.

    Every attribute goes by an alias, since nearly every short word is reserved.
    """
    return {alias: alias[1:] for text in texts for alias in _ALIAS.findall(text)}


_ALIAS = re.compile(r"#\w+")
