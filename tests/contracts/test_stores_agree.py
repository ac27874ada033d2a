"""The local stores answer every sequence of calls alike.

A difference is a fault of one of them, or a hole in the contract.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.findings.finding import Routing, Status, finding_uid
from firstseen.store.state import Episode
from firstseen.store.store import Change, Query, Record, Store
from tests.contracts.store_samples import finding, key, state

KEYS = st.integers(0, 2)
TIMES = st.integers(0, 6)
UIDS = st.lists(st.builds(lambda one, number: finding_uid(key(one), number), KEYS, st.integers(0, 2)), max_size=4)
EXPIRY = st.none() | TIMES
ROUTINGS: st.SearchStrategy[Routing] = st.sampled_from(["send", "digest"])
STATUSES: st.SearchStrategy[Status] = st.sampled_from(["sent", "refused"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change, but for the version: that is the store's own."""

    number: int
    last_us: int
    generations: tuple[int, ...]
    routing: Routing
    time_us: int
    expires_at_us: int | None
    stale: bool


WANTED = st.lists(
    st.builds(
        Wanted,
        KEYS,
        TIMES,
        st.lists(st.integers(0, 2), max_size=2, unique=True).map(tuple),
        ROUTINGS,
        TIMES,
        EXPIRY,
        st.sampled_from([False, False, False, True]),
    ),
    max_size=3,
    unique_by=lambda one: one.number,
)


def commit(store: Store, wanted: Sequence[Wanted]) -> list[str]:
    """Commit at the versions that are stored now, or, when stale, at one that never was."""
    found = store.read([key(one.number) for one in wanted], consistent=True)
    changes: list[Change] = []
    for one in wanted:
        name = key(one.number)
        new = tuple(finding(name, n, time_us=one.time_us, routing=one.routing) for n in one.generations)
        pending = tuple(each.uid for each in new) if one.routing == "send" else ()
        episodes = (Episode(0, one.last_us + 1, "uid"),)
        body = replace(state(one.number, last_us=one.last_us, pending=pending), episodes=episodes)
        version = "stale" if one.stale else found[name].version if name in found else None
        changes.append(Change(name, version, body, new, one.expires_at_us))
    return list(store.commit(changes))


class LocalStores(RuleBasedStateMachine):
    """Both stores get the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp())
        self._stores: tuple[Store, Store] = (MemoryStore(), SQLiteStore(self._folder / "state.db"))

    def teardown(self) -> None:
        for store in self._stores:
            store.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    def alike(self, call: Callable[[Store], object]) -> None:
        memory, sqlite = (call(store) for store in self._stores)
        assert memory == sqlite

    @rule(wanted=WANTED)
    def commit(self, wanted: Sequence[Wanted]) -> None:
        self.alike(lambda store: commit(store, wanted))

    @rule(uids=UIDS, owner=st.sampled_from("ab"), now_us=TIMES, lease_us=st.integers(1, 3))
    def claim(self, uids: Sequence[str], owner: str, now_us: int, lease_us: int) -> None:
        self.alike(lambda store: list(store.claim(uids, owner=owner, now_us=now_us, lease_us=lease_us)))

    @rule(uids=UIDS, status=STATUSES)
    def mark(self, uids: Sequence[str], status: Status) -> None:
        self.alike(lambda store: store.mark(uids, status))

    @rule(number=KEYS, entirely=st.booleans())
    def forget(self, number: int, *, entirely: bool) -> None:
        self.alike(lambda store: store.forget([key(number)], entirely=entirely))

    @rule(now_us=TIMES)
    def expire(self, now_us: int) -> None:
        self.alike(lambda store: store.expire(now_us=now_us))

    @rule(
        name=st.sampled_from(["", "a", "a\0", "é"]),
        data=st.binary(max_size=2),
        new=st.booleans(),
        expiry=EXPIRY,
    )
    def put(self, name: str, data: bytes, *, new: bool, expiry: int | None) -> None:
        def put(store: Store) -> object:
            found = store.records([("slot", name)]).get(("slot", name))
            version = None if new or found is None else found.version
            return store.put_record(Record("slot", name, data, version, expiry))

        self.alike(put)

    @rule(name=st.sampled_from(["", "a", "a\0", "é"]))
    def delete(self, name: str) -> None:
        self.alike(lambda store: store.delete_record("slot", name))

    @rule(now_us=TIMES, limit=st.integers(1, 5), since_us=EXPIRY, routing=st.none() | ROUTINGS)
    def look(self, now_us: int, limit: int, since_us: int | None, routing: Routing | None) -> None:
        self.alike(lambda store: list(store.due(now_us=now_us, limit=limit)))
        query = Query(since_us=since_us, until_us=now_us, routing=routing, rule_id="rule")
        self.alike(lambda store: list(store.scan_findings(query)))

    @invariant()
    def hold_the_same_rows(self) -> None:
        self.alike(lambda store: sorted((name, repr(one.state)) for name, one in store.scan_states()))
        self.alike(lambda store: list(store.scan_findings(Query())))
        self.alike(lambda store: [replace(one, version=None) for one in store.scan_records("slot")])

    @invariant()
    def what_is_pending_is_due_when_every_lease_is_over(self) -> None:
        for store in self._stores:
            pending = {row.finding.uid for row in store.scan_findings(Query(status="pending"))}
            assert set(store.due(now_us=1000, limit=100)) == pending


LocalStores.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLocalStoresAgree = LocalStores.TestCase
