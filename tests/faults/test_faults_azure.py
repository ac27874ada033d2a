"""Whatever call of Table Storage or Event Grid fails, before or after it took effect: same findings, none lost.

And what the adapters do about each kind of fault by themselves.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.transport import RequestsTransport
from urllib3 import HTTPResponse

from firstseen.adapters.azure import entities, schema
from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.event_grid import EventGridSink
from firstseen.adapters.azure.schema import create_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.errors import StoreUnavailable, StoreUnusable
from firstseen.findings.finding import MAX_RAW_BYTES
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record
from tests.contracts.azure_services import Storage, storage
from tests.contracts.event_grid_topic import KEY, Topic, topic
from tests.contracts.store_samples import LEASE_US, NOW_US, committed, finding, key, opening, state, stored
from tests.emulators import azurite_installed
from tests.faults.azure_faults import Fault, Wire, answered, lost, unreachable
from tests.faults.days import Day, each_day
from tests.faults.faulty import When

if TYPE_CHECKING:
    from azure.data.tables import TableClient, TableEntity

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

_numbers = itertools.count()


@dataclass(slots=True)
class Cloud:
    """A table in Azurite and a topic on this machine."""

    service: Storage
    topic: Topic
    waits: list[float] = field(default_factory=list)
    table: str = ""
    _plain: TableClient | None = None

    def fresh(self) -> None:
        """A new table; nothing in the topic."""
        self.remove()
        self.table = f"state{next(_numbers)}"
        self._plain = self.service.client(self.table)
        create_table(self._plain)
        self.topic.taken.clear()

    def remove(self) -> None:
        if self._plain is not None:
            self._plain.delete_table()
            self._plain.close()

    def store(self, wire: Wire | None = None, *, attempts: int = 1, workers: int = 1) -> TableStore:
        """A store; through the wire, if there is one."""
        client = self.service.client(self.table, (wire or Wire()).session())
        backoff = Backoff(attempts=attempts, sleep=self.waits.append, jitter=lambda: 1.0)
        return TableStore(client, backoff=backoff, workers=workers)

    def found(self) -> list[TableEntity]:
        """All findings. Each has its index rows by time and by rule, and while it is pending the one that says due."""
        assert self._plain is not None
        rows = {entities.place_of(one): one for one in self._plain.list_entities()}
        found = [row for (_, name), row in rows.items() if name.startswith(schema.FINDING)]
        for row in found:
            by_time, by_rule, due = entities.index_places(row)
            assert {by_time, by_rule} <= set(rows), f"{entities.uid_of(row)} cannot be found again"
            assert due in rows or entities.status_of(row) != "pending", f"{entities.uid_of(row)} is never due"
        return found

    def sink(self, wire: Wire) -> EventGridSink:
        transport = RequestsTransport(session=wire.session(), session_owner=False)
        return EventGridSink(self.topic.url, AzureKeyCredential(KEY), backoff=Backoff(attempts=1), transport=transport)


@pytest.fixture(scope="module")
def service() -> Iterator[Storage]:
    with storage() as service:
        yield service


@pytest.fixture
def cloud(service: Storage) -> Iterator[Cloud]:
    with ExitStack() as stack:
        cloud = Cloud(service, stack.enter_context(topic()))
        cloud.fresh()
        stack.callback(cloud.remove)
        yield cloud


@each_day
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_call_changes_no_finding(cloud: Cloud, when: When, day: Day) -> None:
    """For n = 1, 2, … the n-th call fails and nobody tries it again but the queue, until a run meets no fault."""
    wanted = day.uids
    for n in range(1, 300):
        cloud.fresh()
        wire = Wire(fail_at=n, when=when)
        world = day.run(cloud.store(wire), cloud.sink(wire))
        call = wire.names[n - 1] if wire.failed else ""
        found = cloud.found()
        assert sorted(entities.uid_of(row) for row in found) == wanted, f"call {n} ({call})"
        assert {entities.status_of(row) for row in found} == {"sent"}, f"call {n} ({call})"
        received = cloud.topic.received()
        assert sorted(set(received)) == wanted, f"call {n} ({call})"
        if not wire.failed:
            assert n > 8
            assert len(received) == len(wanted)
            after = cloud.store()
            assert sorted(row.finding.uid for row in after.scan_findings(Query())) == wanted
            assert list(after.due(now_us=world.clock.now_us, limit=10)) == []
            return
        if len(received) > len(wanted):  # promise 3: only when it is not known whether it was published
            assert call == "POST events" or " 'F-" in call, f"call {n} ({call}) repeated a notification"
    pytest.fail("the faults never ended")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_not_even_noticed_when_calls_are_tried_again(cloud: Cloud, when: When) -> None:
    """An own write whose answer was lost is told from somebody else's."""
    for n in range(1, 80):
        cloud.fresh()
        wire = Wire(fail_at=n, when=when)
        store = cloud.store(wire, attempts=2)
        first = finding(key(0))
        committed(store, Change(key(0), None, state(0, pending=(first.uid,)), (first,)), Change(key(1), None, state(1)))
        version = stored(store, key(1)).version
        committed(store, Change(key(1), version, state(1, last_us=NOW_US + 1)))
        assert store.put_record(Record("slot", "a", b"1")) == "committed"
        record = store.records([("slot", "a")])["slot", "a"]
        assert store.put_record(replace(record, data=b"2")) == "committed"
        (claimed,) = store.claim([first.uid], owner="a", now_us=NOW_US, lease_us=LEASE_US)
        assert claimed.claim == "claimed"
        store.mark([first.uid], "sent")
        assert stored(store, key(0)).state.pending == ()
        assert list(store.due(now_us=NOW_US + LEASE_US, limit=1)) == []
        assert len(cloud.found()) == 1
        store.forget([key(0)], entirely=True)
        assert set(store.read([key(0), key(1)], consistent=True)) == {key(1)}
        assert cloud.found() == []
        if not wire.failed:
            assert n > 20
            return
        assert store.operations["retries"] == 1
    pytest.fail("the faults never ended")


# ---- what passes, what does not --------------------------------------------------------------------------

PASSING = {
    "lost": lost,
    "unreachable": unreachable,
    "429": answered(429),
    "408": answered(408),
    "500 OperationTimedOut": answered(500, "OperationTimedOut"),
    "503 ServerBusy": answered(503, "ServerBusy"),
    "502": answered(502),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_out_with_longer_and_longer_waits(cloud: Cloud, fault: Fault) -> None:
    store = cloud.store(Wire(fail_at=1, fail_for=3, fault=fault), attempts=5)
    committed(store, Change(key(0), None, state(0)))
    assert cloud.waits == [0.1, 0.2, 0.4]
    assert store.operations["retries"] == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_within_the_attempts_is_unavailable(cloud: Cloud, fault: Fault) -> None:
    wire = Wire(fail_at=1, fail_for=100, fault=fault)
    with pytest.raises(StoreUnavailable, match=f"table {cloud.table} .* try again later"):
        cloud.store(wire, attempts=3).read([key(0)])
    assert len(wire.names) == 3


def test_a_page_that_failed_is_asked_for_again_and_nothing_is_seen_twice(cloud: Cloud) -> None:
    committed(cloud.store(), *(Change(key(number), None, state(number)) for number in range(450)))
    for n in (1, 2, 3):
        found = [name for name, _ in cloud.store(Wire(fail_at=n), attempts=2).scan_states()]
        assert sorted(found) == sorted(key(number) for number in range(450))


def test_waits_are_spread_and_bounded() -> None:
    backoff = Backoff(jitter=lambda: 0.5)
    assert [backoff.seconds(tried) for tried in (1, 2, 3, 20)] == [0.05, 0.1, 0.2, 2.0]


LASTING = {
    (404, "TableNotFound"): "there is no such table",
    (409, "TableBeingDeleted"): "there is no such table",
    (403, "AuthorizationPermissionMismatch"): "Storage Table Data Contributor",
    (403, "AuthorizationFailure"): "firewall",
    (403, "AccountIsDisabled"): "access is denied",
    (401, "InvalidAuthenticationInfo"): "az login",
    (400, "InvalidInput"): "refuses the call .InvalidInput",
}


@pytest.mark.parametrize("answer", LASTING, ids=repr)
@pytest.mark.parametrize("call", ["read", "insert", "transaction", "query"])
def test_what_does_not_pass_is_unusable_at_once_and_names_the_mend(
    cloud: Cloud, call: str, answer: tuple[int, str]
) -> None:
    wire = Wire(fail_at=1, fail_for=100, fault=answered(*answer))
    store = cloud.store(wire, attempts=5)
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: store.read([key(0)]),
        "insert": lambda: store.commit([Change(key(0), None, state(0))]),
        "transaction": lambda: store.commit([opening(0)]),
        "query": lambda: list(store.scan_states()),
    }
    with pytest.raises(StoreUnusable, match=f"table {cloud.table}: .*{LASTING[answer]}"):
        calls[call]()
    assert len(wire.names) == 1
    assert cloud.waits == []


def test_a_missing_table_is_said(cloud: Cloud) -> None:
    store = TableStore(cloud.service.client("nowhere"), backoff=Backoff(attempts=1))
    for call in (lambda: store.read([key(0)]), lambda: store.commit([opening(0)]), lambda: list(store.scan_states())):
        with pytest.raises(StoreUnusable, match="table nowhere: there is no such table"):
            call()


# ---- index rows ------------------------------------------------------------------------------------------


def places(cloud: Cloud) -> list[str]:
    """The partitions of all index rows, without their shards."""
    assert cloud._plain is not None
    found = [one["PartitionKey"] for one in cloud._plain.list_entities()]
    return sorted(one.partition("-")[0] for one in found if one[0] in "DTR")


def test_a_finding_has_its_index_rows_and_loses_only_the_due_one_when_it_is_sent(cloud: Cloud) -> None:
    store = cloud.store()
    (uid,) = committed(store, opening(0))
    assert places(cloud) == ["D", "R", "T"]
    store.mark([uid], "sent")
    assert places(cloud) == ["R", "T"]
    store.forget([key(0)], entirely=True)
    assert places(cloud) == []


def test_a_conflict_takes_its_index_rows_back_and_leaves_the_winners(cloud: Cloud) -> None:
    """Although both are of the same finding and time."""
    store = cloud.store()
    (uid,) = committed(store, opening(0))
    assert list(store.commit([opening(0)])) == ["conflict"]
    assert places(cloud) == ["D", "R", "T"]
    assert list(store.due(now_us=NOW_US, limit=10)) == [uid]
    assert [row.finding.uid for row in store.scan_findings(Query(rule_id="rule"))] == [uid]


def test_a_finding_that_exists_gets_no_second_index_row(cloud: Cloud) -> None:
    store = cloud.store()
    committed(store, opening(0))
    again = replace(finding(key(0)), time_us=NOW_US + 5)
    committed(store, Change(key(0), stored(store, key(0)).version, state(0), (again,)))
    assert places(cloud) == ["D", "R", "T"]
    assert [row.finding.time_us for row in store.scan_findings(Query())] == [NOW_US]


def test_a_crash_behind_the_index_rows_leaves_them_harmless_and_old_ones_go(cloud: Cloud) -> None:
    wire = Wire(fail_at=4)  # three index rows, then the transaction
    with pytest.raises(StoreUnavailable):
        cloud.store(wire).commit([opening(0)])
    store = cloud.store()
    assert places(cloud) == ["D", "R", "T"]
    assert list(store.due(now_us=0, limit=10)) == []
    assert places(cloud) == ["D", "R", "T"], "it may be of a commit that is on its way"
    assert list(store.scan_findings(Query())) == []
    assert list(store.due(now_us=2 * NOW_US, limit=10)) == []
    assert places(cloud) == ["R", "T"]
    (uid,) = committed(store, opening(0))
    assert list(store.due(now_us=2 * NOW_US, limit=10)) == [uid]
    assert [row.finding.uid for row in store.scan_findings(Query())] == [uid]


def test_a_crash_between_a_mark_and_its_index_row_sends_nothing_again(cloud: Cloud) -> None:
    store = cloud.store()
    (uid,) = committed(store, opening(0))
    with pytest.raises(StoreUnavailable):
        cloud.store(Wire(fail_at=1, only="DELETE")).mark([uid], "sent")
    assert places(cloud) == ["D", "R", "T"]
    assert list(store.due(now_us=NOW_US, limit=10)) == []
    store.mark([uid], "sent")
    assert places(cloud) == ["R", "T"]
    assert stored(store, key(0)).state.pending == ()


def test_no_partition_holds_what_one_rule_finds_in_one_hour(cloud: Cloud) -> None:
    committed(cloud.store(workers=4), *(opening(number) for number in range(200)))
    assert cloud._plain is not None
    partitions = Counter(one["PartitionKey"] for one in cloud._plain.list_entities())
    assert max(partitions.values()) < 200 / 4


# ---- sizes and bounds ------------------------------------------------------------------------------------


def _many(number: int, raw: str = "") -> Change:
    found = tuple(replace(finding(key(0), place), raw=raw, time_us=NOW_US + place) for place in range(number))
    return Change(key(0), None, state(0, pending=tuple(one.uid for one in found)), found)


def _noise(chars: int, start: int = 0) -> str:
    """Text that does not compress."""
    return "".join(chr(0x4E00 + ((number + start) * 7919 * (number + start + 3)) % 20_000) for number in range(chars))


@pytest.mark.parametrize("change", [_many(140), _many(50, _noise(33_000))], ids=["number", "size"])
def test_findings_that_no_transaction_has_room_for_are_written_too(cloud: Cloud, change: Change) -> None:
    store = cloud.store()
    uids = committed(store, change)
    assert len(list(store.due(now_us=NOW_US, limit=1000))) == len(uids)
    assert {uid: row.finding for uid, row in store.findings(uids).items()} == {one.uid: one for one in change.findings}


@pytest.mark.parametrize("char", ["\x01", '"', "\u0430", "a"], ids=repr)
def test_a_finding_fits_into_an_entity_whatever_its_event_holds(char: str) -> None:
    raw = char * (MAX_RAW_BYTES // len(char.encode()))
    entity = entities.finding_entity(replace(finding(key(0)), raw=raw), "t")
    assert entities.fits(entity)


def test_a_large_state_is_spread_over_several_properties_and_shrinks_again(cloud: Cloud) -> None:
    store = cloud.store()
    large = replace(state(0), terms=(_noise(150_000),))
    committed(store, Change(key(0), None, large))
    assert stored(store, key(0)).state == large
    committed(store, Change(key(0), stored(store, key(0)).version, state(0)))
    assert stored(store, key(0)).state == state(0)


def test_what_an_entity_cannot_hold_is_said_before_anything_is_written(cloud: Cloud) -> None:
    store = cloud.store()
    huge = Change(key(1), None, KeyState("rule", "f", terms=(_noise(700_000),)))
    with pytest.raises(StoreUnusable, match=f"state of key {key(1)} has .* bytes"):
        store.commit([opening(0), huge])
    assert list(store.scan_states()) == []
    assert places(cloud) == []
    with pytest.raises(StoreUnusable, match=r"record slot/'n.* Table Storage takes 1 MiB"):
        store.put_record(Record("slot", "n" * 70_000))


@pytest.mark.parametrize("hostile", ["a/b\\c#d?e", "\x00\x1f\x7f\x9f", "K'; --", "x" * 2_000, "D-0"])
def test_no_key_or_id_reaches_the_table_as_it_is(cloud: Cloud, hostile: str) -> None:
    store = cloud.store()
    one = replace(finding(key(0)), uid=f"{hostile.replace('-', '')}-{hostile}")
    name = hostile.replace("-", "")
    committed(store, Change(name, None, state(0), (one,)))
    assert store.findings([one.uid])[one.uid].finding == one
    assert list(store.due(now_us=NOW_US, limit=5)) == [one.uid]
    assert [found for found, _ in store.scan_states()] == [name]
    store.mark([one.uid], "sent")
    store.forget([name], entirely=True)
    assert dict(store.read([name])) == {}
    assert places(cloud) == []


def test_expiry_reads_a_bounded_part_and_goes_on_there(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstseen.adapters.azure.expiring.PAGES", 1)
    monkeypatch.setattr("firstseen.adapters.azure.expiring.PAGE", 10)
    store = cloud.store(workers=4)
    committed(store, *(Change(key(n), None, state(n), expires_at_us=NOW_US - n % 2) for n in range(50)))
    dropped = [store.expire(now_us=NOW_US) for _ in range(4)]
    assert sum(dropped) == 25
    assert max(dropped) <= 10
    assert len(list(store.scan_states())) == 25
    assert store.expire(now_us=NOW_US + 1) == 10, "from the beginning again"


def test_a_row_that_was_renewed_meanwhile_does_not_expire(cloud: Cloud) -> None:
    store, wire = cloud.store(), Wire(fail_at=1, fail_for=1, only="DELETE")
    committed(store, Change(key(0), None, state(0), expires_at_us=NOW_US - 1))

    def renewed() -> HTTPResponse:
        committed(store, Change(key(0), stored(store, key(0)).version, state(0), expires_at_us=2 * NOW_US))
        return answered(503)()

    wire.fault = renewed
    assert cloud.store(wire, attempts=2).expire(now_us=NOW_US) == 0
    assert set(store.read([key(0)])) == {key(0)}


def test_operations_are_counted_for_whoever_asks(cloud: Cloud) -> None:
    store = cloud.store(workers=4)
    committed(store, opening(0), Change(key(1), None, state(1)))
    store.read([key(number) for number in range(10)])
    assert dict(store.operations) == {"calls": 15, "writes": 6, "transactions": 1, "reads": 10}
