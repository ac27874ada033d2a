"""The store contract: records, and what holds when many write at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from firstseen.store.state import KeyState
from firstseen.store.store import Change, Outcome, Record, Store
from tests.contracts.store_samples import (
    HOSTILE,
    HOUR_US,
    LEASE_US,
    LONE_SURROGATE,
    NOW_US,
    Harness,
    committed,
    key,
    opening,
    state,
    stored,
)

WRITERS = 50


def put(store: Store, kind: str, name: str, data: bytes) -> Record:
    """Write a record whatever it was; as it is now."""
    found = store.records([(kind, name)]).get((kind, name))
    version = None if found is None else found.version
    assert store.put_record(Record(kind, name, data, version)) == "committed"
    return store.records([(kind, name)])[kind, name]


class Records:
    """``records``, ``put_record``, ``scan_records``, ``delete_record``."""

    def test_a_record_is_read_as_it_was_put(self, harness: Harness) -> None:
        store = harness.open()
        assert dict(store.records([("slot", "a"), ("slot", "b")])) == {}
        assert store.put_record(Record("slot", "a", b'{"uids":[]}', None, NOW_US)) == "committed"
        found = harness.open().records([("slot", "a"), ("slot", "b"), ("rule", "a")])
        assert set(found) == {("slot", "a")}
        record = found["slot", "a"]
        assert (record.kind, record.name, record.data, record.expires_at_us) == (
            "slot",
            "a",
            b'{"uids":[]}',
            NOW_US,
        )
        assert record.version is not None

    def test_a_record_is_put_only_at_the_version_that_was_read(self, harness: Harness) -> None:
        store = harness.open()
        first = put(store, "rule", "r", b"1")
        second = put(store, "rule", "r", b"2")
        assert first.version != second.version
        assert store.put_record(Record("rule", "r", b"3", first.version)) == "conflict"
        assert store.put_record(Record("rule", "r", b"3", None)) == "conflict"
        assert store.put_record(Record("rule", "other", b"3", first.version)) == "conflict"
        assert store.records([("rule", "r")])["rule", "r"] == second
        assert dict(store.records([("rule", "other")])) == {}

    def test_a_deleted_record_is_absent_and_may_be_put_again(self, harness: Harness) -> None:
        store = harness.open()
        old = put(store, "expect", "e", b"1")
        store.delete_record("expect", "e")
        store.delete_record("expect", "e")
        assert dict(store.records([("expect", "e")])) == {}
        assert store.put_record(Record("expect", "e", b"2", old.version)) == "conflict"
        new = put(store, "expect", "e", b"1")
        assert new.version != old.version

    def test_kinds_are_apart_and_scanned_by_name(self, harness: Harness) -> None:
        store = harness.open()
        names = [f"{n * 7 % 300:03}" for n in range(300)]
        for name in names:
            store.put_record(Record("digest", name, name.encode()))
        put(store, "digests", "000", b"")
        scanned = list(store.scan_records("digest"))
        assert [one.name for one in scanned] == sorted(names)
        assert scanned[5] == store.records([("digest", scanned[5].name)])["digest", scanned[5].name]
        assert list(store.scan_records("nothing")) == []

    @pytest.mark.parametrize("name", [*HOSTILE[:-1], "n" * 400, LONE_SURROGATE], ids=lambda name: repr(name[:12]))
    def test_any_text_is_a_name(self, harness: Harness, name: str) -> None:
        store = harness.open()
        put(store, "slot", "neighbour", b"n")
        record = put(store, "slot", name, b"1")
        assert record.name == name
        assert [one.data for one in store.scan_records("slot") if one.name == name] == [b"1"]
        store.delete_record("slot", name)
        assert [one.name for one in store.scan_records("slot")] == ["neighbour"]

    def test_records_outlive_a_restart_and_expire(self, harness: Harness) -> None:
        store = harness.open()
        for name, expires_at_us in (("gone", NOW_US - HOUR_US), ("here", NOW_US + HOUR_US), ("ever", None)):
            store.put_record(Record("slot", name, b"", None, expires_at_us))
        store = harness.reopen()
        dropped = store.expire(now_us=NOW_US)
        assert dropped == (0 if harness.expires_by_itself else 1)
        left = {one.name for one in store.scan_records("slot")}
        assert left >= {"ever", "here"}
        assert harness.expires_by_itself or "gone" not in left


def at_once(harness: Harness, work: Callable[[Store, int], Outcome | str]) -> list[str]:
    """The answers of WRITERS threads, each with a store object of its own, that start together."""
    start = threading.Barrier(WRITERS)

    def run(number: int) -> str:
        store = harness.open()
        start.wait(timeout=60)
        return work(store, number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS)))


class Races:
    """What holds when many write at once."""

    def test_of_many_writers_of_one_new_key_exactly_one_wins(self, harness: Harness) -> None:
        def commit(store: Store, number: int) -> str:
            return store.commit([Change(key(0), None, state(0, last_us=number))])[0]

        outcomes = at_once(harness, commit)
        assert outcomes.count("committed") == 1
        assert outcomes.count("conflict") == WRITERS - 1
        assert stored(harness.open(), key(0)).state.last_us == outcomes.index("committed")

    def test_of_many_claims_on_one_finding_exactly_one_wins(self, harness: Harness) -> None:
        (uid,) = committed(harness.open(), opening(0))

        def claim(store: Store, number: int) -> str:
            return store.claim([uid], owner=f"worker {number}", now_us=NOW_US, lease_us=LEASE_US)[0].claim

        outcomes = at_once(harness, claim)
        assert sorted(outcomes) == ["claimed"] + ["held"] * (WRITERS - 1)

    def test_many_writers_that_repeat_after_conflicts_lose_no_update(self, harness: Harness) -> None:
        def count(store: Store, _: int) -> str:
            for _attempt in range(10 * WRITERS):
                found = store.read([key(0)], consistent=True).get(key(0))
                old = KeyState("rule", "f") if found is None else found.state
                version = None if found is None else found.version
                new = KeyState("rule", "f", generation=old.generation + 1)
                if store.commit([Change(key(0), version, new)])[0] == "committed":
                    return "counted"
            return "gave up"

        assert at_once(harness, count) == ["counted"] * WRITERS
        assert stored(harness.open(), key(0)).state.generation == WRITERS
