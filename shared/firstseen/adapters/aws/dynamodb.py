"""State in one DynamoDB table."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from firstseen.adapters.aws import items, schema
from firstseen.adapters.aws.calling import Backoff, Calls
from firstseen.adapters.aws.committing import commit
from firstseen.adapters.aws.items import Key
from firstseen.adapters.aws.querying import query, scan
from firstseen.adapters.aws.table import ConditionFailed, Table
from firstseen.findings.finding import Status, key_of
from firstseen.store import rows
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Claimed, FindingRow, Outcome, Query, Record, StoredState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from firstseen.adapters.aws.items import Item, New

WORKERS = 8
"""Threads for independent writes: DynamoDB has no conditional batch write."""

REWRITES = 8
"""Attempts of changing a state in place against other writers."""

SCAN_ROWS = 100
"""Findings fetched at a time by a scan."""

DUE_PAGE = 500
"""Index entries read at a time when looking for what is due."""


def _new_version() -> str:
    return secrets.token_hex(8)


class DynamoStore:
    """See :class:`firstseen.store.store.Store`, and :mod:`firstseen.adapters.aws.schema` for the table.

    ``due`` and ``scan_findings`` read indexes that follow their table within moments: a finding may be seen in them a
    little late, and a lease or a mark too, which ``claim`` then answers. DynamoDB drops expired rows itself.

    Args:
        table: the table's name or ARN.
        client: a low-level client (:func:`firstseen.adapters.aws.clients.dynamodb_client`) that takes as many
            connections as there are workers.
        backoff: for throttling, 5xx and lost answers.
        new_version: names a version of a row; never the same twice, in no process.
        workers: threads; 1: none.
        measure: ask DynamoDB for the capacity units that each call used (:attr:`units`).
    """

    def __init__(  # noqa: PLR0913 - all but two by name, with defaults
        self,
        table: str,
        *,
        client: DynamoDBClient,
        backoff: Backoff | None = None,
        new_version: Callable[[], str] = _new_version,
        workers: int = WORKERS,
        measure: bool = False,
    ) -> None:
        self._calls = Calls(table, backoff or Backoff())
        self._table = Table(client, self._calls, workers=workers, measure=measure)
        self._new_version = new_version

    @property
    def operations(self) -> Counter[str]:
        """What was done so far: ``calls``, ``reads`` and ``writes`` (items), ``transactions``, ``retries``."""
        return self._calls.operations

    @property
    def units(self) -> Mapping[str, float]:
        """Capacity units used so far, by ``read`` and ``write``; empty unless measured."""
        return self._calls.units

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        """The states of those keys that have one."""
        found = self._table.get([items.state_key(key) for key in keys], consistent=consistent)
        return {key: items.stored_state(item) for (key, _), item in found.items()}

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Each change atomically, independent of the others, several at a time."""
        rows.check_changes(changes)
        return self._table.each(lambda change: commit(self._table, change, self._new_version()), changes)

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        """Take a lease on each pending finding, in one conditional write each."""
        owner = rows.whole_text(owner)
        values: New = {
            ":pending": {"S": "pending"},
            ":owner": {"S": owner},
            ":now": {"N": str(now_us)},
            ":until": {"N": str(now_us + lease_us)},
        }

        def one(uid: str) -> Claimed:
            if not key_of(uid):
                return Claimed("missing")
            try:
                item = self._table.update(items.finding_key(uid), _LEASE, _FREE, values)
            except ConditionFailed as exc:
                if exc.item is None:
                    return Claimed("missing")
                lease = items.lease_of(exc.item)
                return Claimed(rows.judge(items.status_of(exc.item), lease, owner=owner, now_us=now_us))
            return Claimed("claimed", items.finding_row(item).finding)

        return self._table.each(one, uids)

    def mark(self, uids: Sequence[str], status: Status) -> None:
        """The findings are sent or refused; their keys no longer list them as pending."""
        rows.check_mark(status)
        open_to: New = {f":{old}": {"S": old} for old in _STATUSES if rows.may_become(old, status)}
        condition = f"#status IN ({', '.join(open_to)})"
        values: New = {**open_to, ":status": {"S": status}}

        def one(uid: str) -> None:
            try:
                self._table.update(items.finding_key(uid), _DONE, condition, values)
            except ConditionFailed:
                return  # it is so already, or there is no such row

        marked = frozenset(uid for uid in uids if key_of(uid))
        self._table.each(one, sorted(marked))
        self._rewrite({key_of(uid) for uid in marked}, lambda state: rows.without_pending(state, marked))

    def _rewrite(self, keys: Iterable[str], change: Callable[[KeyState], KeyState]) -> None:
        """Change states in place, with a new version where they become others."""
        waiting = sorted(keys)
        for tried in range(1, REWRITES + 1):
            found = self.read(waiting, consistent=True)
            changed = [(key, old, new) for key, old in found.items() if (new := change(old.state)) != old.state]
            written = self._table.each(self._rewrite_one, changed)
            waiting = [key for (key, _, _), done in zip(changed, written, strict=True) if not done]
            if not waiting:
                return
            self._calls.backoff.wait(tried)
        raise self._calls.unavailable(f"a key changed under {REWRITES} attempts to write it")

    def _rewrite_one(self, changed: tuple[str, StoredState, KeyState]) -> bool:
        """Whether the state was still the one that was read. Everything else about its row stays."""
        key, old, new = changed
        packed = items.body(rows.state_bytes(new))
        (name,), (other,) = packed, {"data", "zlib"} - set(packed)
        version = self._new_version()
        values: New = {":body": packed[name], ":version": {"S": version}, ":expected": {"S": old.version}}
        update = f"SET #{name} = :body, #version = :version REMOVE #{other}"
        try:
            self._table.update(items.state_key(key), update, "#version = :expected", values)
        except ConditionFailed as exc:
            return exc.item is None or exc.item["version"]["S"] == version
        return True

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        """Uids of pending findings without a live lease, oldest first."""
        streams = [
            query(
                self._table,
                index=schema.DUE,
                where="#due_shard = :shard",
                filtered="attribute_not_exists(#lease_until) OR #lease_until <= :now",
                values={":shard": {"S": partition}, ":now": {"N": str(now_us)}},
                page=max(1, min(limit, DUE_PAGE)),
            )
            for partition in schema.shards(items.DUE_VALUE)
        ]
        oldest = heapq.merge(*streams, key=_at)
        return [items.uid_of(items.key_at(item)) for item in islice(oldest, limit)]

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        """The rows of those uids that exist."""
        found = self._table.get([items.finding_key(uid) for uid in uids], consistent=True)
        return {items.uid_of(key): items.finding_row(item) for key, item in found.items()}

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        """Findings by event time, oldest first: found in an index, fetched from the table."""
        since, until = _bounds(query)
        if since > until:
            return  # DynamoDB refuses such a range
        entries = heapq.merge(*(self._entries(query, partition) for partition in _partitions(query)), key=_at)
        while chunk := [items.uid_of(items.key_at(item)) for item in islice(entries, SCAN_ROWS)]:
            found = self.findings(chunk)
            for uid in chunk:
                row = found.get(uid)
                if row is not None and query.status in (None, row.status):
                    yield row

    def _entries(self, asked: Query, partition: str) -> Iterator[Item]:
        index = schema.TIME if asked.rule_id is None else schema.RULE
        since, until = _bounds(asked)
        where = f"#{index}_shard = :shard AND #at BETWEEN :since AND :until"
        values: New = {":shard": {"S": partition}, ":since": {"S": since}, ":until": {"S": until}}
        if asked.routing is not None:
            values[":routing"] = {"S": asked.routing}
        filtered = "#routing = :routing" if asked.routing is not None else ""
        return query(self._table, index=index, where=where, values=values, filtered=filtered)

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        """(key, state) of every key, or of one rule's; reads the whole table either way."""
        filtered = "#sk = :state"
        values: New = {":state": {"S": items.STATE}}
        if rule_id is not None:
            filtered += " AND #rule = :rule"
            values[":rule"] = {"S": rows.whole_text(rule_id)}
        for item in scan(self._table, filtered=filtered, values=values):
            yield items.key_at(item)[0], items.stored_state(item)

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        """Those (kind, name) that exist."""
        places: dict[Key, tuple[str, str]] = {items.record_key(*one): one for one in wanted}
        found = self._table.get(list(places), consistent=True)
        return {places[key]: items.record_of(places[key][0], item) for key, item in found.items()}

    def scan_records(self, kind: str) -> Iterator[Record]:
        """Every record of a kind, by name (those with a name that is cut in its key, roughly so)."""
        partitions = [items.record_partition(kind, str(number)) for number in range(schema.SHARDS)]
        streams = [
            query(self._table, where="#pk = :pk", values={":pk": {"S": partition}}, consistent=True)
            for partition in partitions
        ]
        for item in heapq.merge(*streams, key=lambda item: item["sk"]["S"]):
            yield items.record_of(kind, item)

    def put_record(self, record: Record) -> Outcome:
        """Write it if the stored version is still ``record.version``."""
        version = self._new_version()
        condition = "attribute_not_exists(#pk)" if record.version is None else "#version = :expected"
        values: New = {} if record.version is None else {":expected": {"S": record.version}}
        try:
            self._table.put(items.record_item(record, version), condition, values)
        except ConditionFailed as exc:
            return "committed" if exc.item is not None and exc.item["version"]["S"] == version else "conflict"
        return "committed"

    def delete_record(self, kind: str, name: str) -> None:
        """Remove it; nothing happens when it is absent."""
        self._table.delete([items.record_key(kind, name)])

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        """Reduce states, or remove them ``entirely`` with their findings."""
        if not entirely:
            self._rewrite(set(keys), rows.reduced)
            return
        for key in dict.fromkeys(keys):
            found = query(
                self._table, where="#pk = :pk", values={":pk": {"S": key}}, fields="#pk, #sk", consistent=True
            )
            self._table.delete([items.key_at(item) for item in found])

    def expire(self, *, now_us: int) -> int:
        """Nothing: DynamoDB drops what has expired."""
        del now_us
        return 0

    def close(self) -> None:
        """End the threads; the client is its maker's."""
        self._table.close()


_STATUSES: tuple[Status, ...] = ("pending", "sent", "refused", "kept")
_LEASE = "SET #lease_owner = :owner, #lease_until = :until"
_FREE = "#status = :pending AND (attribute_not_exists(#lease_until) OR #lease_owner = :owner OR #lease_until <= :now)"
_DONE = "SET #status = :status REMOVE #due_shard"


def _at(item: Item) -> str:
    return item["at"]["S"]


def _partitions(asked: Query) -> list[str]:
    return schema.shards(items.TIME_VALUE if asked.rule_id is None else items.rule_value(asked.rule_id))


def _bounds(asked: Query) -> tuple[str, str]:
    """The first and the last sort key that the query's times allow; what follows a time there begins with ``#``."""
    since = "0" if asked.since_us is None else items.sort_text(asked.since_us)
    until = "9" * 21 if asked.until_us is None else items.sort_text(asked.until_us)
    return since, until
