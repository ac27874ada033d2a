"""One table of Table Storage: point reads, conditional writes, transactions, queries in pages. Knows entities, not what
they mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, cast

from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from firstseen.adapters.azure.calling import Calls, ConditionFailed
from firstseen.adapters.azure.clients import CALL
from firstseen.adapters.azure.entities import New, place_of
from firstseen.adapters.azure.schema import Place
from firstseen.adapters.side_by_side import SideBySide

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableEntity

MAX_OPERATIONS = 100
"""Of one transaction, all in one partition; a longer one breaks the SDK's parser."""

MAX_TRANSACTION_BYTES = 3_500_000
"""Of one transaction; Table Storage takes 4 MiB with headers."""

PAGE = 1_000
"""Entities of one answer, at most."""

Kind = Literal["create", "upsert", "update", "delete"]
Operation = tuple[Kind, New, dict[str, object]]
"""What a transaction does with one entity; the last part holds the condition."""


def creates(entity: New) -> Operation:
    """Write an entity that must not exist."""
    return "create", entity, {}


def replaces(entity: New, etag: str) -> Operation:
    """Write an entity that must still be this version."""
    return "update", entity, {"mode": UpdateMode.REPLACE, **_if(etag)}


def operation_bytes(entity: New) -> int:
    """What an entity takes in a transaction, no less than it will: binary data is base64 in JSON, under headers."""
    return 2_000 + sum(len(value) * 3 // 2 if isinstance(value, bytes) else 100 for value in entity.values())


def _if(etag: str) -> dict[str, object]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


class Table(SideBySide):
    """Threads may share it. What it raises: StoreUnavailable, StoreUnusable, and ConditionFailed where said."""

    def __init__(self, client: TableClient, calls: Calls, *, workers: int) -> None:
        super().__init__(workers, "tables")
        self.client = client
        self.calls = calls

    def get(self, place: Place, select: Sequence[str] = ()) -> TableEntity | None:
        """The entity that lies there, or only some of its properties; as every write before left it."""
        wanted = ["PartitionKey", "RowKey", "Timestamp", *select] if select else None
        try:
            return self.calls.make(lambda: self.client.get_entity(*place, select=wanted, **CALL), reads=1)
        except ConditionFailed:
            return None

    def get_each(self, places: Iterable[Place], select: Sequence[str] = ()) -> dict[Place, TableEntity]:
        """Those that exist. Table Storage has no batch of reads, and "or" of keys reads the whole table."""
        unique = list(dict.fromkeys(places))
        found = self.each(lambda place: self.get(place, select), unique)
        return {place: entity for place, entity in zip(unique, found, strict=True) if entity is not None}

    def insert(self, entity: New) -> None:
        """Write an entity that must not exist. Raises ConditionFailed."""
        self.calls.make(lambda: self.client.create_entity(entity, **CALL), writes=1)

    def upsert(self, entity: New) -> None:
        """Write an entity, whatever was there."""
        self.calls.make(lambda: self.client.upsert_entity(entity, UpdateMode.REPLACE, **CALL), writes=1)

    def replace(self, entity: New, etag: str) -> None:
        """Write an entity that must still be this version. Raises ConditionFailed."""
        self._update(entity, etag, UpdateMode.REPLACE)

    def merge(self, entity: New, etag: str) -> None:
        """Change some properties of an entity that must still be this version. Raises ConditionFailed."""
        self._update(entity, etag, UpdateMode.MERGE)

    def _update(self, entity: New, etag: str, mode: UpdateMode) -> None:
        condition = MatchConditions.IfNotModified
        self.calls.make(
            lambda: self.client.update_entity(entity, mode, etag=etag, match_condition=condition, **CALL), writes=1
        )

    def delete(self, place: Place) -> None:
        """Remove an entity, whether it exists or not."""
        self.calls.make(lambda: self.client.delete_entity(*place, **CALL), writes=1)

    def delete_version(self, place: Place, etag: str) -> bool:
        """Remove an entity if it is still this version; whether it was."""
        condition = MatchConditions.IfNotModified
        try:
            self.calls.make(
                lambda: self.client.delete_entity(*place, etag=etag, match_condition=condition, **CALL), writes=1
            )
        except ConditionFailed:
            return False
        return True

    def transact(self, operations: Sequence[Operation]) -> None:
        """All or nothing, in one partition. Raises ConditionFailed; ValueError for what no transaction takes."""
        size = sum(operation_bytes(entity) for _, entity, _ in operations)
        if not 0 < len(operations) <= MAX_OPERATIONS or size > MAX_TRANSACTION_BYTES:
            msg = f"a transaction of {len(operations)} operations and {size} bytes"
            raise ValueError(msg)
        self.calls.make(
            lambda: self.client.submit_transaction(operations, **CALL), transactions=1, writes=len(operations)
        )

    def upsert_all(self, entities: Iterable[New]) -> None:
        """Write small entities wherever they lie, a transaction for each hundred of a partition."""
        self.each(self._upsert_chunk, _chunks(entities))

    def _upsert_chunk(self, chunk: Sequence[New]) -> None:
        """One alone goes as a plain call: a transaction takes three times as long to write and read."""
        if len(chunk) == 1:
            self.upsert(chunk[0])
        else:
            self.transact([("upsert", one, {}) for one in chunk])

    def delete_all(self, places: Iterable[Place]) -> None:
        """Remove entities, whether they exist or not."""
        located: list[New] = [{"PartitionKey": place[0], "RowKey": place[1]} for place in dict.fromkeys(places)]
        self.each(self._delete_chunk, _chunks(located))

    def _delete_chunk(self, chunk: Sequence[New]) -> None:
        """One that is missing fails the transaction (as the echo of our own does), so they go one by one then."""
        if len(chunk) > 1:
            try:
                return self.transact([("delete", one, {}) for one in chunk])
            except ConditionFailed:
                pass
        for one in chunk:
            self.delete(place_of(one))
        return None

    def query(self, filtered: str, *, select: Sequence[str] = (), page: int = PAGE) -> Iterator[TableEntity]:
        """The entities that the filter lets through, by partition and row key; read page by page as asked for."""
        for entities, _ in self.pages(filtered, select=select, page=page):
            yield from entities

    def pages(
        self, filtered: str, *, after: dict[str, str] | None = None, select: Sequence[str] = (), page: int = PAGE
    ) -> Iterator[tuple[list[TableEntity], dict[str, str] | None]]:
        """The same as pages, each with where to go on; None: it was the last. A page may be empty."""
        wanted = ["PartitionKey", "RowKey", "Timestamp", *select] if select else None
        pages = self.client.query_entities(filtered, results_per_page=page, select=wanted, **CALL).by_page(
            cast("str | None", after)  # the SDK says a text; it is made of keys
        )
        while True:
            # A page that failed is asked for again: the iterator stays where it was.
            entities = self.calls.make(lambda: list(next(pages, ())), reads=0)
            self.calls.count(reads=len(entities))
            after = cast("dict[str, str] | None", getattr(pages, "continuation_token", None))
            yield entities, after
            if not after:
                return


def _chunks(entities: Iterable[New]) -> list[list[New]]:
    """What one transaction each takes: of one partition, at most a hundred."""
    partitions: dict[str, list[New]] = {}
    for entity in entities:
        partitions.setdefault(place_of(entity)[0], []).append(entity)
    return [
        part[start : start + MAX_OPERATIONS]
        for part in partitions.values()
        for start in range(0, len(part), MAX_OPERATIONS)
    ]
