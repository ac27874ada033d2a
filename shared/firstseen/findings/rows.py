"""Small rows (slots, learning, digests) changed by many workers: read, decide, write if unchanged.



Names of rows are hashes, so that every store takes them whatever a rule is called. Rows carry what people
need to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from firstseen.errors import StoreUnavailable, StoreUnusable
from firstseen.findings.times import DAY_US
from firstseen.store.store import Record, Store

ROW_FORMAT = 1

MAX_ATTEMPTS = 8
"""Of one row against other workers; then the delivery is retried as a whole."""

KEEP_US = 30 * DAY_US
"""How long a row outlives its use: longer than any redelivery."""

T = TypeVar("T", bound="Row")
A = TypeVar("A")

Where = tuple[str, str]
"""(kind, name) of a record."""


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every row begins with."""

    format: int = ROW_FORMAT


def read_row(record: Record | None, shape: type[T]) -> T | None:
    """The row in a record, or None when there is none. Raises StoreUnusable on damage or a newer format."""
    if record is None or record.version is None:
        return None
    try:
        row = msgspec.json.decode(record.data, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        msg = f"the record {record.kind}/{record.name} cannot be read: {exc}; restore the store or delete it"
        raise StoreUnusable(msg) from exc
    if row.format > ROW_FORMAT:
        msg = f"the record {record.kind}/{record.name} has the newer format {row.format}: upgrade firstseen"
        raise StoreUnusable(msg)
    return row


def settle(  # noqa: PLR0913 - where, what and until when; two of them by name
    store: Store,
    where: Where,
    shape: type[T],
    decide: Callable[[T | None], tuple[T | None, A]],
    *,
    expires_at_us: int | None = None,
    first: Mapping[Where, Record] | None = None,
) -> A:
    """Let ``decide`` answer from the row, and write what it makes of it.

    ``decide`` is pure and gives (new row, or None to leave it, answer). It is asked again with the newest
    row after each conflict, so an answer always belongs to what is stored. ``first``: records that were read
    just before. Raises StoreUnavailable when other workers win :data:`MAX_ATTEMPTS` times.
    """
    records = first if first is not None else store.records([where])
    for _ in range(MAX_ATTEMPTS):
        record = records.get(where)
        row, answer = decide(read_row(record, shape))
        if row is None:
            return answer
        version = record.version if record else None
        if store.put_record(Record(*where, msgspec.json.encode(row), version, expires_at_us)) == "committed":
            return answer
        records = store.records([where])
    msg = f"the record {where[0]}/{where[1]} changed under {MAX_ATTEMPTS} attempts to write it"
    raise StoreUnavailable(msg)


def read_many(store: Store, wanted: Sequence[Where]) -> Mapping[Where, Record]:
    """The records that exist; asks the store nothing for nothing."""
    unique = list(dict.fromkeys(wanted))
    return store.records(unique) if unique else {}
