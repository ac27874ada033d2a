"""State in one table of Table Storage."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from firstseen.adapters.azure import entities, finding_again, schema
from firstseen.adapters.azure.calling import Backoff, Calls, ConditionFailed
from firstseen.adapters.azure.committing import attempt, write
from firstseen.adapters.azure.expiring import expire
from firstseen.adapters.azure.schema import Place
from firstseen.adapters.azure.table import Table
from firstseen.errors import StoreUnavailable
from firstseen.findings.finding import Status, key_of
from firstseen.store import rows
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Claimed, FindingRow, Outcome, Query, Record, StoredState

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableEntity

WORKERS = 8
"""Threads for independent calls: Table Storage reads and writes one partition at a time."""

REWRITES = 8
"""Attempts of changing a row in place against other writers."""

STATE_PAGE = 200
"""States of one answer: they may be large."""


def _new_token() -> str:
    return secrets.token_hex(8)


class TableStore:
    """See :class:`firstseen.store.store.Store`, and :mod:`firstseen.adapters.azure.schema` for the table.

    All reads are consistent: Table Storage has no other in its primary region. Nothing is dropped but by ``expire``,
    which looks at a bounded part of the table and goes on there the next time.

    Args:
        table_client: of the table (:mod:`firstseen.adapters.azure.clients`).
        backoff: for throttling, 5xx and lost answers.
        new_token: names an attempt to write; never the same twice, in no process.
        workers: threads; 1: none.
    """

    def __init__(
        self,
        table_client: TableClient,
        *,
        backoff: Backoff | None = None,
        new_token: Callable[[], str] = _new_token,
        workers: int = WORKERS,
    ) -> None:
        self._calls = Calls(table_client.table_name, backoff or Backoff())
        self._table = Table(table_client, self._calls, workers=workers)
        self._new_token = new_token

    @property
    def operations(self) -> Counter[str]:
        """What was done so far: ``calls``, ``reads`` and ``writes`` (entities), ``transactions``, ``retries``."""
        return self._calls.operations

    def read(self, keys: Sequence[str], *, consistent: bool = False) -> Mapping[str, StoredState]:
        """The states of those keys that have one."""
        del consistent
        return {key: entities.stored_state(entity) for key, entity in self._states(keys).items()}

    def _states(self, keys: Iterable[str]) -> dict[str, TableEntity]:
        places = {schema.state_place(key): key for key in keys}
        return {places[place]: entity for place, entity in self._table.get_each(places).items()}

    def commit(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Each change atomically, independent of the others, several at a time."""
        rows.check_changes(changes)
        attempts = [attempt(change, self._new_token()) for change in changes]
        self._table.upsert_all(row for one in attempts if one.possible for part in one.index for row in part)
        written = self._table.each(lambda one: write(self._table, one), attempts)
        self._remove_harmless(place for _, dangling in written for place in dangling)
        return [outcome for outcome, _ in written]

    def _remove_harmless(self, places: Iterable[Place]) -> None:
        """Remove index rows that point to nothing; what they belong to is done, so a fault here is none of it."""
        with contextlib.suppress(StoreUnavailable):
            self._table.delete_all(places)

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        """Take a lease on each pending finding."""
        owner = entities.owner_text(owner)
        lease: entities.New = {"lease_owner": owner, "lease_until_us": entities.number(now_us + lease_us)}

        def one(uid: str) -> Claimed:
            place = schema.finding_place(uid)
            for _ in range(REWRITES):
                found = self._table.get(place)
                if found is None:
                    return Claimed("missing")
                claim = rows.judge(entities.status_of(found), entities.lease_of(found), owner=owner, now_us=now_us)
                if claim != "claimed":
                    return Claimed(claim)
                if self._merge(place, lease, found):
                    return Claimed("claimed", entities.finding_row(found).finding)
            raise self._calls.unavailable(f"finding {uid} changed under {REWRITES} attempts to claim it")

        return self._table.each(one, uids)

    def _merge(self, place: Place, properties: entities.New, found: TableEntity) -> bool:
        """Whether the row was still the one that was found. After the echo of our own write it is not: read again."""
        try:
            self._table.merge({**entities.located(place), **properties}, entities.etag_of(found))
        except ConditionFailed:
            return False
        return True

    def mark(self, uids: Sequence[str], status: Status) -> None:
        """The findings are sent or refused; then they are no longer due, and their keys no longer list them."""
        rows.check_mark(status)
        marked = frozenset(uids)
        due = self._table.each(lambda uid: self._mark(uid, status), sorted(marked))
        self._table.delete_all(place for place in due if place is not None)
        self._rewrite({key_of(uid) for uid in marked}, lambda state: rows.without_pending(state, marked))

    def _mark(self, uid: str, status: Status) -> Place | None:
        """Where its row that says it is due lies."""
        place = schema.finding_place(uid)
        for _ in range(REWRITES):
            found = self._table.get(place, ["status", "uid", "time_us", "rule", "token"])
            if found is None or entities.status_of(found) == "kept":
                return None
            open_to_it = rows.may_become(entities.status_of(found), status)
            if not open_to_it or self._merge(place, {"status": status}, found):
                return entities.index_places(found)[-1]
        raise self._calls.unavailable(f"finding {uid} changed under {REWRITES} attempts to mark it")

    def _rewrite(self, keys: Iterable[str], change: Callable[[KeyState], KeyState]) -> None:
        """Change states in place, with a new version where they become others."""
        waiting = sorted(keys)
        for tried in range(1, REWRITES + 1):
            found = self._states(waiting)
            olds = {key: entities.stored_state(entity).state for key, entity in found.items()}
            changed = [(key, new) for key, old in olds.items() if (new := change(old)) != old]
            written = self._table.each(lambda one: self._rewrite_one(*one, found[one[0]]), changed)  # noqa: B023
            waiting = [key for (key, _), done in zip(changed, written, strict=True) if not done]
            if not waiting:
                return
            self._calls.backoff.wait(tried)
        raise self._calls.unavailable(f"a key changed under {REWRITES} attempts to write it")

    def _rewrite_one(self, key: str, new: KeyState, found: TableEntity) -> bool:
        """Whether the state was still the one that was read. Its expiry stays."""
        token = self._new_token()
        entity = entities.state_entity(key, new, token, entities.number_of(found, "expires_us"))
        try:
            self._table.replace(entity, entities.etag_of(found))
        except ConditionFailed:
            there = self._table.get(schema.state_place(key), ["token"])
            return there is None or entities.token_of(there) == token
        return True

    def due(self, *, now_us: int, limit: int) -> Sequence[str]:
        """Uids of pending findings without a live lease, oldest first."""
        return finding_again.due(self._table, now_us=now_us, limit=limit)

    def findings(self, uids: Sequence[str]) -> Mapping[str, FindingRow]:
        """The rows of those uids that exist."""
        places = {schema.finding_place(uid): uid for uid in uids}
        found = self._table.get_each(places)
        return {places[place]: entities.finding_row(entity) for place, entity in found.items()}

    def scan_findings(self, query: Query) -> Iterator[FindingRow]:
        """Findings by event time, oldest first: found in an index, fetched one by one."""
        return finding_again.scan(self._table, query)

    def scan_states(self, *, rule_id: str | None = None) -> Iterator[tuple[str, StoredState]]:
        """(key, state) of every key, or of one rule's; the service reads the whole table either way."""
        filtered = f"RowKey eq '{schema.STATE}'"
        if rule_id is not None:
            filtered += f" and rule eq '{schema.hashed(rows.whole_text(rule_id))}'"
        for entity in self._table.query(filtered, page=STATE_PAGE):
            yield schema.decoded(entities.bytes_of(entity, "key")), entities.stored_state(entity)

    def records(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Record]:
        """Those (kind, name) that exist."""
        places = {schema.record_place(*one): one for one in wanted}
        found = self._table.get_each(places)
        return {places[place]: entities.record_of(places[place][0], entity) for place, entity in found.items()}

    def scan_records(self, kind: str) -> Iterator[Record]:
        """Every record of a kind, by name."""
        for entity in finding_again.merged(self._table, schema.record_index(kind)):
            yield entities.record_of(kind, entity)

    def put_record(self, record: Record) -> Outcome:
        """Write it if the stored version is still ``record.version``."""
        if record.version is not None and not entities.is_etag(record.version):
            return "conflict"
        token = self._new_token()
        entity = entities.record_entity(record, token)
        try:
            if record.version is None:
                self._table.insert(entity)
            else:
                self._table.replace(entity, record.version)
        except ConditionFailed:
            found = self._table.get(entities.place_of(entity), ["token"])
            return "committed" if found is not None and entities.token_of(found) == token else "conflict"
        return "committed"

    def delete_record(self, kind: str, name: str) -> None:
        """Remove it; nothing happens when it is absent."""
        self._table.delete(schema.record_place(kind, name))

    def forget(self, keys: Sequence[str], *, entirely: bool) -> None:
        """Reduce states, or remove them ``entirely`` with their findings, whose index rows go last."""
        if not entirely:
            self._rewrite(set(keys), rows.reduced)
            return
        select = ["status", "uid", "time_us", "rule", "token"]
        for key in dict.fromkeys(keys):
            filtered = f"PartitionKey eq '{schema.plain(key)}'"
            found = list(self._table.query(filtered, select=select))
            self._table.delete_all(entities.place_of(entity) for entity in found)
            ours = [entity for entity in found if entities.place_of(entity)[1] != schema.STATE]
            self._table.delete_all(place for entity in ours for place in entities.index_places(entity))

    def expire(self, *, now_us: int) -> int:
        """Drop rows whose time is over, as many as a few pages of the table show; the next call goes on there."""
        return expire(self._table, now_us=now_us)

    def close(self) -> None:
        """End the threads; the client is its maker's."""
        self._table.close()
