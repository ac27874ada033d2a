"""The SNS sink keeps the sink contract, and SNS's rules."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.aws.calling import Backoff
from firstseen.adapters.aws.messages import MAX_MESSAGE_BYTES, HttpsForm, message
from firstseen.adapters.aws.sns import SNSSink
from firstseen.errors import SettingsError
from firstseen.findings.finding import MAX_RAW_BYTES
from firstseen.findings.sink import Sink
from tests.contracts.aws_services import Service, running
from tests.contracts.sink_contract import SinkContract, finding

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

ARN = "arn:aws:sns:eu-central-1:111122223333:findings"


def error(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "as said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PublishBatch")


class SNSHarness:
    """A topic whose messages arrive in a queue."""

    def __init__(self, client: SNSClient, queues: SQSClient, *, fifo: bool = False) -> None:
        self.client = client
        self._sqs = queues
        suffix, kind = (".fifo", {"FifoTopic": "true"}) if fifo else ("", {})
        self.topic = self.client.create_topic(Name="findings" + suffix, Attributes=kind)["TopicArn"]
        self._queue = self.subscribe("all" + suffix, fifo=fifo)
        self._call = self.client._make_api_call  # type: ignore[attr-defined]
        self.waits: list[float] = []

    def subscribe(self, name: str, policy: Mapping[str, object] | None = None, *, fifo: bool = False) -> str:
        """A queue of this topic's; its url."""
        queue = self._sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {} if policy is None else {"FilterPolicy": json.dumps(policy)}
        self.client.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        return queue

    def sink(self) -> Sink:
        backoff = Backoff(attempts=3, sleep=self.waits.append, jitter=lambda: 1.0)
        return SNSSink(self.topic, client=self.client, backoff=backoff)

    def bodies(self, queue: str | None = None) -> list[Any]:
        """The messages that a queue holds, taken out of it."""
        found: list[Any] = []
        url = queue or self._queue
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for one in messages:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                found.append(json.loads(one["Body"]))
        return found

    def received(self, queue: str | None = None) -> list[str]:
        return [json.loads(one["Message"])["finding_info"]["uid"] for one in self.bodies(queue)]

    def down(self, *, down: bool) -> None:
        def fail(*_: object) -> object:
            raise error("ServiceUnavailable", 503)

        self.client._make_api_call = fail if down else self._call  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def clients() -> tuple[SNSClient, SQSClient]:
    """Made once: making a client takes longer than a test."""
    service = Service("moto", None)
    return service.sns(), service.sqs()


@pytest.fixture
def harness(clients: tuple[SNSClient, SQSClient]) -> Iterator[SNSHarness]:
    with running("moto"):
        harness = SNSHarness(*clients)
        yield harness
        harness.down(down=False)  # the client serves the next test too


@pytest.fixture
def fifo(clients: tuple[SNSClient, SQSClient]) -> Iterator[SNSHarness]:
    with running("moto"):
        yield SNSHarness(*clients, fifo=True)


class TestSNSSink(SinkContract):
    """Under moto, through to a queue."""


def test_a_filter_policy_by_severity_lets_only_that_through(harness: SNSHarness) -> None:
    loud = harness.subscribe("loud", {"severity": ["high", "critical"]})
    tactic = harness.subscribe("tactic", {"tactic": ["credential-access"], "routing": ["send"]})
    low, high = finding(0, level="low"), finding(1, level="high")
    harness.sink().publish([low, high])
    assert harness.received(loud) == [high.uid]
    assert sorted(harness.received(tactic)) == sorted([low.uid, high.uid])


def test_a_subscriber_sees_the_subject_and_the_attributes(harness: SNSHarness) -> None:
    one = finding(value="111122223333")
    harness.sink().publish([one])
    (body,) = harness.bodies()
    assert body["Subject"].startswith("HIGH A role that never did so")
    values = {name: value["Value"] for name, value in body["MessageAttributes"].items()}
    assert values == {
        "severity": "high",
        "rule": one.card.id,
        "account": "111122223333",
        "region": "111122223333",
        "routing": "send",
        "tactic": '["credential-access"]',
    }


def test_a_fifo_topic_drops_a_finding_that_is_published_again(fifo: SNSHarness) -> None:
    one, other = finding(0), finding(1)
    sink = fifo.sink()
    assert list(sink.publish([one])) == ["sent"]
    assert list(sink.publish([one, other])) == ["sent", "sent"]
    assert sorted(fifo.received()) == sorted([one.uid, other.uid])


def test_a_topic_that_is_gone_is_unavailable_and_said_aloud_without_the_event(
    harness: SNSHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.client.delete_topic(TopicArn=harness.topic)
    with caplog.at_level(logging.INFO):
        assert list(harness.sink().publish([finding(value="secret")])) == ["unavailable"]
    assert [record.levelname for record in caplog.records if record.name.startswith("firstseen")] == ["ERROR"]
    assert harness.topic in caplog.text
    assert "secret" not in caplog.text


# ---- the message -----------------------------------------------------------------------------------------


def test_machines_get_ocsf_and_mail_gets_text() -> None:
    made = message(finding())
    assert made is not None
    forms = json.loads(made.body)
    assert set(forms) == {"default", "email"}
    assert json.loads(forms["default"])["class_uid"] == 2004
    assert forms["email"].startswith("HIGH  A role that never did so")


def test_a_raw_event_that_does_not_fit_is_cut_and_its_pointer_stays() -> None:
    one = replace(finding(), raw='"' * MAX_RAW_BYTES, raw_bytes=3 * MAX_RAW_BYTES)
    made = message(one)
    assert made is not None
    ocsf = json.loads(json.loads(made.body)["default"])
    assert 10_000 < len(ocsf["raw_data"]) < MAX_RAW_BYTES
    assert (ocsf["raw_data_size"], ocsf["metadata"]["is_truncated"]) == (3 * MAX_RAW_BYTES, True)
    assert ocsf["unmapped"]["pointer"] == one.pointer


def test_a_finding_that_is_too_large_without_its_event_goes_in_short_form() -> None:
    one = replace(finding(), reason="r" * 300_000, raw="")
    made = message(one)
    assert made is not None
    assert made.size_bytes < 20_000


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(
    value=_texts,
    raw_char=st.characters(exclude_categories=["Cs"]),
    rule_id=_texts,
    https=st.sampled_from(["ocsf", "chat"]),
)
def test_every_message_keeps_to_the_rules_of_sns(value: str, raw_char: str, rule_id: str, https: HttpsForm) -> None:
    """Size as SNS counts it, subject, attribute values, characters."""
    one = finding(value=value)
    raw = raw_char * (MAX_RAW_BYTES // len(raw_char.encode()))
    made = message(replace(one, card=replace(one.card, id=rule_id), raw=raw, raw_bytes=len(raw.encode())), https=https)
    assert made is not None
    attributes = made.attributes
    counted = len(made.body.encode()) + sum(
        len((name + one["DataType"] + one["StringValue"]).encode()) for name, one in attributes.items()
    )
    assert counted == made.size_bytes <= MAX_MESSAGE_BYTES
    assert len(made.subject) < 100
    assert made.subject.isascii()
    assert made.subject.isprintable()
    assert made.subject == made.subject.strip() != ""
    assert len(attributes) <= 10
    for text in [*(one["StringValue"] for one in attributes.values()), made.body, *json.loads(made.body).values()]:
        assert text
        assert all(char in "\t\n\r" or (char >= " " and char not in "\ufffe\uffff") for char in text)


# ---- outcomes --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FakeSNS:
    """Answers with what the script says for the uids of a call; remembers each call's uids and size."""

    script: Callable[[list[str]], Mapping[str, str]]  # uid -> code of its failure; raises for the whole call
    calls: list[list[str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[Mapping[str, Any]]) -> object:  # noqa: N803
        assert TopicArn == ARN
        uids = {
            one["Id"]: json.loads(json.loads(one["Message"])["default"])["finding_info"]["uid"]
            for one in PublishBatchRequestEntries
        }
        self.calls.append(list(uids.values()))
        self.sizes.append(sum(len(one["Message"].encode()) for one in PublishBatchRequestEntries))
        failures = self.script(list(uids.values()))
        self.sent += [uid for uid in uids.values() if uid not in failures]
        failed = [
            {"Id": number, "Code": failures[uid], "SenderFault": failures[uid] != "InternalError"}
            for number, uid in uids.items()
            if uid in failures
        ]
        return {"Successful": [{"Id": number} for number, uid in uids.items() if uid not in failures], "Failed": failed}


def sink_of(fake: FakeSNS, waits: list[float] | None = None, clock: Callable[[], int] = lambda: 0) -> SNSSink:
    sleep = (waits if waits is not None else []).append
    backoff = Backoff(attempts=4, sleep=sleep, jitter=lambda: 1.0)
    return SNSSink(ARN, client=cast("SNSClient", fake), backoff=backoff, clock=clock)


FOUR = [finding(number) for number in range(4)]


def test_each_entry_has_its_own_outcome() -> None:
    codes = {FOUR[1].uid: "InvalidParameter", FOUR[2].uid: "AuthorizationError"}
    fake = FakeSNS(lambda _: codes)
    assert list(sink_of(fake).publish(FOUR)) == ["sent", "refused", "unavailable", "sent"]
    assert len(fake.calls) == 1


def test_entries_that_fail_for_a_moment_are_tried_again_alone() -> None:
    fake = FakeSNS(lambda uids: {FOUR[1].uid: "InternalError"} if len(uids) == 4 else {})
    waits: list[float] = []
    assert list(sink_of(fake, waits).publish(FOUR)) == ["sent"] * 4
    assert [len(uids) for uids in fake.calls] == [4, 1]
    assert waits == [0.05]


def test_one_bad_message_does_not_take_the_others_of_its_call_with_it() -> None:
    def script(uids: list[str]) -> dict[str, str]:
        if FOUR[2].uid in uids:
            raise error("InvalidParameter")
        return {}

    fake = FakeSNS(script)
    assert list(sink_of(fake).publish(FOUR)) == ["sent", "sent", "refused", "sent"]
    assert sorted(fake.sent) == sorted(one.uid for one in FOUR if one is not FOUR[2])


@pytest.mark.parametrize("code", ["KMSThrottling", "Throttled", "InternalError"])
def test_throttling_is_waited_out_with_longer_and_longer_waits(code: str) -> None:
    fake = FakeSNS(lambda _: {})

    def script(_: list[str]) -> dict[str, str]:
        if len(fake.calls) < 4:
            raise error(code, 400)
        return {}

    fake.script = script
    waits: list[float] = []
    assert list(sink_of(fake, waits).publish(FOUR)) == ["sent"] * 4
    assert waits == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    "code", ["NotFound", "AuthorizationError", "KMSAccessDenied", "KMSDisabled", "InvalidClientTokenId"]
)
def test_what_the_deployment_did_wrong_loses_nothing_and_is_not_tried_again_and_again(code: str) -> None:
    def script(_: list[str]) -> dict[str, str]:
        raise error(code, 403)

    fake = FakeSNS(script)
    many = [finding(number) for number in range(25)]
    assert list(sink_of(fake).publish(many)) == ["unavailable"] * 25
    assert len(fake.calls) == 1


def test_a_lost_connection_is_unavailable_after_the_last_attempt() -> None:
    def script(_: list[str]) -> dict[str, str]:
        raise ConnectTimeoutError(endpoint_url="https://sns.eu-central-1.amazonaws.com")

    fake = FakeSNS(script)
    assert list(sink_of(fake).publish(FOUR)) == ["unavailable"] * 4
    assert len(fake.calls) == 4


def test_after_the_deadline_no_call_begins_and_no_wait_ends() -> None:
    now = [1_000_000]

    def script(_: list[str]) -> dict[str, str]:
        now[0] += 100_000
        raise error("Throttled")

    waits: list[float] = []
    fake = FakeSNS(script)
    sink = sink_of(fake, waits, clock=lambda: now[0])
    assert list(sink.publish(FOUR, deadline_us=1_000_000)) == ["unavailable"] * 4
    assert fake.calls == []
    assert list(sink.publish(FOUR, deadline_us=1_200_000)) == ["unavailable"] * 4
    assert len(fake.calls) == 2
    assert waits == [0.05]


def test_a_call_holds_at_most_ten_messages_and_256_kilobytes() -> None:
    fake = FakeSNS(lambda _: {})
    many = [replace(finding(number), raw="x" * (number % 3 * 40_000), raw_bytes=1) for number in range(30)]
    assert list(sink_of(fake).publish(many)) == ["sent"] * 30
    assert max(map(len, fake.calls)) <= 10
    assert max(fake.sizes) <= MAX_MESSAGE_BYTES
    assert [uid for uids in fake.calls for uid in uids] == [one.uid for one in many]


@pytest.mark.parametrize("arn", ["", "findings", "arn:aws:sqs:eu-central-1:111122223333:q", ARN + "\n", ARN + ":sub"])
def test_what_is_no_topic_is_found_at_the_start(arn: str) -> None:
    with pytest.raises(SettingsError, match="no ARN of an SNS topic"):
        SNSSink(arn, client=cast("SNSClient", FakeSNS(lambda _: {})))
