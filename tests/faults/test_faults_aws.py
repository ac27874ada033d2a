"""Whatever API call of DynamoDB or SNS fails, before or after it took effect: same findings, none lost.

And what the adapters do about each kind of fault by themselves.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from firstseen.adapters.aws import items
from firstseen.adapters.aws.calling import Backoff
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.adapters.aws.sns import SNSSink
from firstseen.errors import StoreUnavailable, StoreUnusable
from firstseen.findings.finding import MAX_RAW_BYTES
from firstseen.store.state import KeyState
from firstseen.store.store import Change, Query, Record
from tests.contracts.aws_services import Service, running
from tests.contracts.store_samples import LEASE_US, NOW_US, committed, finding, key, opening, state, stored
from tests.faults.aws_faults import Wire, error, lost
from tests.faults.days import Day, each_day
from tests.faults.faulty import When

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_numbers = itertools.count()


@dataclass(slots=True)
class Cloud:
    """A table and a topic with a queue behind it, in moto."""

    dynamodb: DynamoDBClient
    sns: SNSClient
    sqs: SQSClient
    waits: list[float] = field(default_factory=list)
    _taps: list[Callable[[], None]] = field(default_factory=list)
    table: str = ""
    topic: str = ""
    queue: str = ""

    def fresh(self) -> None:
        """A new table, topic and queue; no fault."""
        self.calm()
        if self.table:
            self.dynamodb.delete_table(TableName=self.table)
        number = next(_numbers)
        self.table = f"state-{number}"
        create_table(self.dynamodb, self.table)
        self.topic = self.sns.create_topic(Name=f"findings-{number}")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName=f"findings-{number}")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])

    def calm(self) -> None:
        while self._taps:
            self._taps.pop()()

    def wire(self, wire: Wire) -> Wire:
        """Let faults in."""
        self._taps += [wire.tap(self.dynamodb), wire.tap(self.sns)]
        return wire

    def store(self, attempts: int = 1, workers: int = 1, measure: bool = False) -> DynamoStore:  # noqa: FBT001, FBT002
        backoff = Backoff(attempts=attempts, sleep=self.waits.append, jitter=lambda: 1.0)
        return DynamoStore(self.table, client=self.dynamodb, backoff=backoff, workers=workers, measure=measure)

    def sink(self) -> SNSSink:
        return SNSSink(self.topic, client=self.sns, backoff=Backoff(attempts=1))

    def received(self) -> list[str]:
        uids: list[str] = []
        while found := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            for one in found:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                uids.append(json.loads(json.loads(one["Body"])["Message"])["finding_info"]["uid"])
        return uids


@pytest.fixture(scope="module")
def clients() -> tuple[DynamoDBClient, SNSClient, SQSClient]:
    service = Service("moto", None)
    return service.dynamodb(), service.sns(), service.sqs()


@pytest.fixture
def cloud(clients: tuple[DynamoDBClient, SNSClient, SQSClient]) -> Iterator[Cloud]:
    with running("moto"):
        cloud = Cloud(*clients)
        cloud.fresh()
        yield cloud
        cloud.calm()


@each_day
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_api_call_changes_no_finding(cloud: Cloud, when: When, day: Day) -> None:
    """For n = 1, 2, … the n-th call fails and nobody tries it again but the queue, until a run meets no fault."""
    wanted = day.uids
    for n in range(1, 300):
        cloud.fresh()
        wire = cloud.wire(Wire(fail_at=n, when=when))
        day.run(cloud.store(), cloud.sink())
        cloud.calm()
        call = wire.names[n - 1] if wire.failed else ""
        found = list(cloud.store().scan_findings(Query()))
        assert sorted(row.finding.uid for row in found) == wanted, f"call {n} ({call})"
        assert {row.status for row in found} == {"sent"}, f"call {n} ({call})"
        received = cloud.received()
        assert sorted(set(received)) == wanted, f"call {n} ({call})"
        if not wire.failed:
            assert n > 8
            assert len(received) == len(wanted)
            return
        if len(received) > len(wanted):  # promise 3: only when it is not known whether it was published
            assert call in {"PublishBatch", "UpdateItem"}, f"call {n} ({call}) repeated a notification"
    pytest.fail("the faults never ended")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_not_even_noticed_when_calls_are_tried_again(cloud: Cloud, when: When) -> None:
    """An own write whose answer was lost is told from somebody else's."""
    for n in range(1, 60):
        cloud.fresh()
        wire = cloud.wire(Wire(fail_at=n, when=when))
        store = cloud.store(attempts=2)
        first = finding(key(0))
        committed(store, Change(key(0), None, state(0, pending=(first.uid,)), (first,)), Change(key(1), None, state(1)))
        version = stored(store, key(1)).version
        committed(store, Change(key(1), version, state(1, last_us=NOW_US + 1)))
        assert store.put_record(Record("slot", "a", b"1")) == "committed"
        (claimed,) = store.claim([first.uid], owner="a", now_us=NOW_US, lease_us=LEASE_US)
        assert claimed.claim == "claimed"
        store.mark([first.uid], "sent")
        assert stored(store, key(0)).state.pending == ()
        assert list(store.due(now_us=NOW_US + LEASE_US, limit=1)) == []
        store.forget([key(0)], entirely=True)
        assert set(store.read([key(0), key(1)], consistent=True)) == {key(1)}
        if not wire.failed:
            assert n > 10
            return
        assert store.operations["retries"] == 1
    pytest.fail("the faults never ended")


# ---- DynamoDB --------------------------------------------------------------------------------------------

PASSING = [
    lost,
    lambda: EndpointConnectionError(endpoint_url="https://dynamodb.eu-central-1.amazonaws.com"),
    lambda: error("ProvisionedThroughputExceededException"),
    lambda: error("ThrottlingException"),
    lambda: error("InternalServerError", 500),
    lambda: error("", 503),
    lambda: error("TransactionConflictException"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: repr(fault())[:60])
def test_what_passes_is_waited_out_with_longer_and_longer_waits(cloud: Cloud, fault: Callable[[], Exception]) -> None:
    store = cloud.store(attempts=5)
    cloud.wire(Wire(fail_at=1, fail_for=3, fault=fault))
    committed(store, Change(key(0), None, state(0)))
    assert cloud.waits == [0.05, 0.1, 0.2]
    assert store.operations["retries"] == 3


def test_what_does_not_pass_within_the_attempts_is_unavailable(cloud: Cloud) -> None:
    store = cloud.store(attempts=3)
    wire = cloud.wire(Wire(fail_at=1, fail_for=100, fault=PASSING[2]))
    with pytest.raises(StoreUnavailable, match=f"table {cloud.table} .* try again later"):
        store.read([key(0)])
    assert len(wire.names) == 3


def test_waits_are_spread_and_bounded() -> None:
    backoff = Backoff(jitter=lambda: 0.5)
    assert [backoff.seconds(tried) for tried in (1, 2, 3, 20)] == [0.025, 0.05, 0.1, 1.0]


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (error("ResourceNotFoundException"), "no such table"),
        (error("AccessDeniedException"), "access is denied: allow"),
        (error("UnrecognizedClientException"), "sign in"),
        (error("ExpiredTokenException"), "sign in"),
        (NoCredentialsError(), "sign in"),
        (error("ValidationException"), "no table of this version"),
        (error("SomethingNewException"), "SomethingNewException"),
    ],
    ids=repr,
)
def test_what_does_not_pass_is_unusable_at_once_and_names_the_table_and_the_mend(
    cloud: Cloud, fault: Exception, mend: str
) -> None:
    store = cloud.store(attempts=5)
    wire = cloud.wire(Wire(fail_at=1, fail_for=100, fault=lambda: fault))
    with pytest.raises(StoreUnusable, match=f"table {cloud.table}: .*{mend}"):
        store.read([key(0)])
    assert len(wire.names) == 1
    assert cloud.waits == []


def test_a_missing_table_is_said(cloud: Cloud) -> None:
    store = DynamoStore("nowhere", client=cloud.dynamodb, backoff=Backoff(attempts=1))
    with pytest.raises(StoreUnusable, match="table nowhere: there is no such table"):
        store.read([key(0)])


def test_keys_that_an_answer_leaves_out_are_asked_for_again(cloud: Cloud) -> None:
    """Whether the answer was full (some came) or the table busy (none came, so a wait first)."""
    store = cloud.store(attempts=3)
    committed(store, *(Change(key(number), None, state(number)) for number in range(150)))
    call = cloud.dynamodb._make_api_call  # type: ignore[attr-defined]
    rounds: list[int] = []

    def stingy(name: str, arguments: Any) -> Any:  # noqa: ANN401 - what botocore hands on
        wanted = arguments["RequestItems"][cloud.table]
        rounds.append(len(wanted["Keys"]))
        given = 0 if len(rounds) == 2 else 7
        some, rest = wanted["Keys"][:given], wanted["Keys"][given:]
        answer: Any = {"Responses": {}, "UnprocessedKeys": {}}
        if some:
            answer = call(name, {**arguments, "RequestItems": {cloud.table: {**wanted, "Keys": some}}})
        if rest:
            answer["UnprocessedKeys"] = {cloud.table: {"Keys": rest}}
        return answer

    cloud.dynamodb._make_api_call = stingy  # type: ignore[attr-defined]
    try:
        found = store.read([key(number) for number in range(150)], consistent=True)
    finally:
        cloud.dynamodb._make_api_call = call  # type: ignore[attr-defined]
    assert len(found) == 150
    assert max(rounds) == 100
    assert cloud.waits == [0.05]


def test_a_table_that_leaves_every_key_out_is_unavailable(cloud: Cloud) -> None:
    store = cloud.store(attempts=3)
    call = cloud.dynamodb._make_api_call  # type: ignore[attr-defined]
    cloud.dynamodb._make_api_call = lambda _, arguments: {  # type: ignore[attr-defined]
        "Responses": {},
        "UnprocessedKeys": arguments["RequestItems"],
    }
    try:
        with pytest.raises(StoreUnavailable, match="leaves keys unprocessed"):
            store.read([key(0)])
    finally:
        cloud.dynamodb._make_api_call = call  # type: ignore[attr-defined]
    assert len(cloud.waits) == 3


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_others_is_tried_again(cloud: Cloud, code: str) -> None:
    store = cloud.store(attempts=4)
    reasons = [{"Code": "None"}, {"Code": code}]
    fault = error("TransactionCanceledException", CancellationReasons=reasons)
    cloud.wire(Wire(fail_at=1, fail_for=2, fault=lambda: fault, only="TransactWriteItems"))
    committed(store, opening(0))
    assert cloud.waits == [0.05, 0.1]


def test_a_transaction_that_is_refused_for_good_is_unusable(cloud: Cloud) -> None:
    fault = error("TransactionCanceledException", CancellationReasons=[{"Code": "None"}, {"Code": "ValidationError"}])
    cloud.wire(Wire(fail_at=1, fault=lambda: fault))
    with pytest.raises(StoreUnusable, match=f"table {cloud.table} refuses a write: ValidationError"):
        cloud.store().commit([opening(0)])


def test_only_changes_with_findings_are_transactions(cloud: Cloud) -> None:
    store = cloud.store()
    wire = cloud.wire(Wire())
    store.commit([Change(key(0), None, state(0)), opening(1), Change(key(2), None, state(2))])
    assert Counter(wire.names) == {"PutItem": 2, "TransactWriteItems": 1}
    assert dict(store.operations) == {"calls": 3, "writes": 4, "transactions": 1}


def test_operations_and_capacity_are_counted_for_whoever_asks(cloud: Cloud) -> None:
    store = cloud.store(measure=True)
    committed(store, *(Change(key(number), None, state(number)) for number in range(120)))
    store.read([key(number) for number in range(120)])
    assert store.operations == Counter(calls=122, writes=120, reads=120)
    assert set(store.units) == {"read", "write"}


# ---- sizes -----------------------------------------------------------------------------------------------


def _many(number: int, raw: str = "") -> Change:
    found = tuple(replace(finding(key(0), place), raw=raw, time_us=NOW_US + place) for place in range(number))
    return Change(key(0), None, state(0, pending=tuple(one.uid for one in found)), found)


@pytest.mark.parametrize("change", [_many(140), _many(40, "\x01\u0430" * 33_000)], ids=["number", "size"])
def test_findings_that_no_transaction_has_room_for_are_written_too(cloud: Cloud, change: Change) -> None:
    store = cloud.store()
    wire = cloud.wire(Wire())
    uids = committed(store, change)
    assert len(list(store.due(now_us=NOW_US, limit=1000))) == len(uids)
    assert set(store.findings(uids)) == set(uids)
    assert wire.names.count("TransactWriteItems") == 1


def test_a_conflict_takes_back_what_was_written_before_its_transaction(cloud: Cloud) -> None:
    store = cloud.store()
    committed(store, Change(key(0), None, state(0), (finding(key(0), 120),)))
    assert list(store.commit([_many(140)])) == ["conflict"]
    assert [row.finding.uid for row in store.scan_findings(Query())] == [finding(key(0), 120).uid]


@pytest.mark.parametrize("char", ["\x01", '"', "\u0430", "a"], ids=repr)
def test_a_finding_fits_into_an_item_whatever_its_event_holds(char: str) -> None:
    raw = char * (MAX_RAW_BYTES // len(char.encode()))
    item = items.finding_item(replace(finding(key(0)), raw=raw), "v")
    assert items.body_bytes({name: item[name] for name in item.keys() & {"data", "zlib"}}) <= items.MAX_DATA_BYTES


def test_a_state_too_large_for_an_item_is_said_before_anything_is_written(cloud: Cloud) -> None:
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(400_000))
    store = cloud.store()
    with pytest.raises(StoreUnusable, match=f"state of key {key(0)} has .* bytes"):
        store.commit([Change(key(0), None, KeyState("rule", "f", terms=(noise,)))])
    assert list(store.scan_states()) == []


def test_a_query_whose_times_leave_nothing_asks_for_nothing(cloud: Cloud) -> None:
    """DynamoDB refuses a range that ends before it begins."""
    store = cloud.store()
    wire = cloud.wire(Wire())
    assert list(store.scan_findings(Query(since_us=NOW_US, until_us=NOW_US - 1))) == []
    assert wire.names == []
