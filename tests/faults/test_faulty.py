"""The wrappers that put faults in do so where they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.errors import StoreUnavailable
from firstseen.findings.finding import finding_uid
from firstseen.findings.sink import Sink
from firstseen.store.store import Query, Record, Store
from tests.contracts.store_contract import StoreContract
from tests.contracts.store_samples import NOW_US, finding, key, opening
from tests.faults.faulty import Calls, FaultySink, FaultyStore, RecordingSink, When

UID = finding_uid(key(0), 0)

CALLS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.read([key(0)]),
    "commit": lambda store: store.commit([opening(1)]),
    "claim": lambda store: store.claim([UID], owner="a", now_us=NOW_US, lease_us=1),
    "mark": lambda store: store.mark([UID], "sent"),
    "due": lambda store: store.due(now_us=NOW_US, limit=1),
    "findings": lambda store: store.findings([UID]),
    "scan_findings": lambda store: list(store.scan_findings(Query())),
    "scan_states": lambda store: list(store.scan_states()),
    "records": lambda store: store.records([("slot", "a")]),
    "scan_records": lambda store: list(store.scan_records("slot")),
    "put_record": lambda store: store.put_record(Record("slot", "b")),
    "delete_record": lambda store: store.delete_record("slot", "a"),
    "forget": lambda store: store.forget([key(0)], entirely=True),
    "expire": lambda store: store.expire(now_us=NOW_US),
}

CHANGES = ("commit", "claim", "mark", "put_record", "delete_record", "forget", "expire")


def filled() -> MemoryStore:
    """A store in which each call has something to do."""
    store = MemoryStore()
    store.commit([opening(0), replace(opening(2), findings=(), expires_at_us=1)])
    store.put_record(Record("slot", "a"))
    return store


@pytest.fixture
def memory() -> MemoryStore:
    return filled()


def contents(store: Store) -> list[object]:
    """Everything that a caller can see, leases included."""
    rows = [*store.scan_states(), *store.scan_findings(Query()), *store.scan_records("slot")]
    return [*rows, *store.due(now_us=NOW_US, limit=10)]


def test_every_call_of_the_protocol_is_covered_here() -> None:
    """A call that is added to the protocol must be added to the wrapper and to this table."""
    protocol = {name for name in vars(Store) if not name.startswith("_")}
    assert set(CALLS) == protocol - {"close"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", CALLS)
def test_the_chosen_call_fails_and_takes_effect_only_if_it_fails_after(
    memory: MemoryStore, name: str, when: When
) -> None:
    store = FaultyStore(memory, fail_at=2, when=when)
    store.due(now_us=0, limit=1)
    before = contents(memory)
    with pytest.raises(StoreUnavailable, match=f"{when} call 2 \\({name}\\)"):
        CALLS[name](store)
    assert (contents(memory) != before) == (when == "after" and name in CHANGES)
    assert (store.calls.names, store.calls.failed) == (["store.due", f"store.{name}"], 1)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_not_chosen_is_the_stores_own(memory: MemoryStore, name: str) -> None:
    store, other = FaultyStore(memory, fail_at=5), filled()
    assert CALLS[name](store) == CALLS[name](other)
    assert contents(memory) == contents(other)
    assert store.calls.failed == 0


def test_a_scan_that_fails_after_breaks_off_behind_its_first_row(memory: MemoryStore) -> None:
    rows = FaultyStore(memory, fail_at=1, when="after").scan_states()
    assert next(rows)[0] == key(0)
    with pytest.raises(StoreUnavailable):
        next(rows)


def test_an_outage_ends_after_so_many_calls(memory: MemoryStore) -> None:
    store = FaultyStore(memory, fail_at=2, fail_for=3)
    answers: list[bool] = []
    for _ in range(6):
        try:
            store.read([key(0)])
        except StoreUnavailable:
            answers.append(False)
        else:
            answers.append(True)
    assert answers == [True, False, False, False, True, True]


def test_wrappers_compose_and_a_store_and_a_sink_may_share_a_count(memory: MemoryStore) -> None:
    calls = Calls()
    inner = FaultyStore(memory, fail_at=3)
    store = FaultyStore(inner, fail_at=1, calls=calls)
    sink = FaultySink(RecordingSink(), fail_at=3, calls=calls)
    with pytest.raises(StoreUnavailable):
        store.read([])
    store.read([])
    assert list(sink.publish([finding(key(0))])) == ["unavailable"]
    assert (calls.names, calls.failed) == (["store.read", "store.read", "sink.publish"], 2)
    assert inner.calls.made == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_sink_that_fails_answers_unavailable_whether_it_published_or_not(when: When) -> None:
    recording = RecordingSink()
    sink: Sink = FaultySink(recording, fail_at=1, when=when)
    both = [finding(key(0)), finding(key(1))]
    assert list(sink.publish(both)) == ["unavailable", "unavailable"]
    assert recording.uids == ([] if when == "before" else [one.uid for one in both])
    assert list(sink.publish(both)) == ["sent", "sent"]


def test_a_recording_sink_is_down_for_a_period_and_refuses_some() -> None:
    good, bad = finding(key(0)), finding(key(1))
    sink = RecordingSink(down=True, refuses={bad.uid}, minimal=lambda one: not one.raw)
    assert list(sink.publish([good, bad])) == ["unavailable", "unavailable"]
    sink.down = False
    assert list(sink.publish([good, bad])) == ["sent", "refused"]
    assert list(sink.publish([replace(bad, raw="")])) == ["sent"]
    assert sink.uids == [good.uid, bad.uid]
    assert sink.asked == [(good.uid, bad.uid), (good.uid, bad.uid), (bad.uid,)]


class FaultlessHarness:
    """The wrapper over memory, with no fault put in."""

    expires_by_itself = False

    def __init__(self) -> None:
        self._first = MemoryStore()

    def open(self) -> Store:
        return FaultyStore(MemoryStore(shared=self._first))

    def reopen(self) -> Store:
        return self.open()


@pytest.fixture
def harness() -> FaultlessHarness:
    return FaultlessHarness()


class TestFaultlessWrapper(StoreContract):
    """Without a fault the wrapper is a store like any other."""
