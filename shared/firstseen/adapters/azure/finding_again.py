"""The orders in which findings and records are found again: index rows of several partitions, merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from firstseen.adapters.azure import schema
from firstseen.adapters.azure.entities import (
    finding_row,
    lease_of,
    place_of,
    status_of,
    token_of,
    uid_of,
)
from firstseen.store import rows
from firstseen.store.store import FindingRow, Query

if TYPE_CHECKING:
    from azure.data.tables import TableEntity

    from firstseen.adapters.azure.table import Table

CHUNK = 100
"""Findings fetched at a time."""

STALE_US = 3_600_000_000
"""How old a row must be that says due, and is wrong, before it is removed: longer than any commit that is on its way
takes.
"""

MAX_STALE = 500
"""Such rows removed in one call; the next takes more."""


def merged(table: Table, index: str, filtered: str = "", page: int = 1_000) -> Iterator[TableEntity]:
    """The rows of all shards of an index by row key, read page by page as they are asked for."""
    streams = [table.query(f"PartitionKey eq '{one}'{filtered}", page=page) for one in schema.shards(index)]
    return heapq.merge(*streams, key=lambda entity: place_of(entity)[1])


def due(table: Table, *, now_us: int, limit: int) -> list[str]:
    """Uids of pending findings without a live lease, oldest first; the findings' own rows decide.

    Rows that say due of what is not pending (a crash behind a mark, a commit that failed) are removed once they are
    old.
    """
    entries = merged(table, schema.DUE, page=max(1, min(limit, 1_000)))
    found: list[str] = []
    stale: list[TableEntity] = []
    while len(found) < limit and (chunk := list(islice(entries, min(CHUNK, limit)))):
        places = [schema.finding_place(uid_of(entry)) for entry in chunk]
        there = table.get_each(places, ["status", "token", "lease_owner", "lease_until_us"])
        for entry, place in zip(chunk, places, strict=True):
            row = there.get(place)
            if row is None or token_of(row) != token_of(entry) or status_of(row) != "pending":
                stale.append(entry)
                continue
            lease = lease_of(row)
            if lease is None or lease[1] <= now_us:
                found.append(uid_of(entry))
    table.delete_all(place_of(entry) for entry in stale[:MAX_STALE] if _is_old(entry, now_us))
    return found[:limit]


def _is_old(entry: TableEntity, now_us: int) -> bool:
    written = entry.metadata["timestamp"]
    return written is not None and int(written.timestamp() * 1_000_000) < now_us - STALE_US


def scan(table: Table, asked: Query) -> Iterator[FindingRow]:
    """Findings by event time, oldest first."""
    index = schema.TIME if asked.rule_id is None else schema.rule_index(rows.whole_text(asked.rule_id))
    entries = merged(table, index, _filter(asked))
    while chunk := list(islice(entries, CHUNK)):
        places = [schema.finding_place(uid_of(entry)) for entry in chunk]
        there = table.get_each(places)
        for entry, place in zip(chunk, places, strict=True):
            row = there.get(place)
            if row is None or token_of(row) != token_of(entry):
                continue  # of an attempt that failed
            if asked.status in (None, status_of(row)):
                yield finding_row(row)


def _filter(asked: Query) -> str:
    """What is decided by the index rows alone; every value is one of ours, so nothing needs quoting."""
    parts = ""
    if asked.since_us is not None:
        parts += f" and RowKey ge '{schema.sort_text(asked.since_us)}'"
    if asked.until_us is not None:
        parts += f" and RowKey lt '{schema.sort_text(asked.until_us)}'"
    if asked.routing is not None:
        parts += f" and routing eq '{asked.routing}'"
    return parts
