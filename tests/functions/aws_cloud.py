"""What the Lambda functions meet: an account under moto, a queue that delivers again, a clock moved by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from boto3.session import Session
from moto import mock_aws

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.findings.sink import Sink
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from firstseen.store.store import FindingRow, Query, Store
from functions.aws import ingest, sweep, wiring
from functions.aws.deliveries import QueueEvent
from tests.emulators import CREDENTIALS
from tests.faults.world import MINUTE_US, RULES, Clock
from tests.quick_moto import quicken

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = CREDENTIALS["AWS_DEFAULT_REGION"]
REDELIVERED_US = 12 * MINUTE_US
"""The queue's visibility timeout."""

SESSION = Session("testing", "testing", "testing", REGION)
"""One for all tests: making it costs more than what most of them do."""

Wrapped = Callable[[Store, Sink], tuple[Store, Sink]]


def unwrapped(store: Store, sink: Sink) -> tuple[Store, Sink]:
    """Nothing between."""
    return store, sink


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context, as far as it is used."""

    left_milliseconds: int = 120_000
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.left_milliseconds


@dataclass(frozen=True, slots=True)
class Sent:
    """A message in the queue. ``sent_us``: when it was enqueued, which a redelivery does not change."""

    id: str
    body: str
    sent_us: int


def queue_event(messages: Sequence[Sent]) -> QueueEvent:
    """What Lambda calls with."""
    return {
        "Records": [
            {"messageId": one.id, "body": one.body, "attributes": {"SentTimestamp": str(one.sent_us // 1000)}}
            for one in messages
        ]
    }


def bus_event(raw: bytes) -> str:
    """The EventBridge event that carries a CloudTrail event."""
    detail = json.loads(raw)
    envelope = {
        "version": "0",
        "id": f"bus-{detail['eventID']}",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.example",
        "account": "111122223333",
        "time": detail["eventTime"],
        "region": REGION,
        "resources": [],
        "detail": detail,
    }
    return json.dumps(envelope)


@dataclass
class Cloud:
    """One account, one deployment."""

    environment: dict[str, str]
    clock: Clock
    bucket: str
    _s3: S3Client
    _sqs: SQSClient
    _inbox: str
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def build(self, wrapped: Wrapped = unwrapped) -> wiring.Parts:
        """What a container has."""
        return wiring.build(self.environment, clock=self.clock, session=SESSION, wrapped=wrapped)

    def container(self, wrapped: Wrapped = unwrapped) -> ingest.Handler:
        """A fresh instance of the function for the queue."""
        return ingest.handler_of(wiring.Start(lambda: self.build(wrapped)))

    def sweeper(self, wrapped: Wrapped = unwrapped) -> sweep.Handler:
        """A fresh instance of the sweep."""
        return sweep.handler_of(wiring.Start(lambda: self.build(wrapped)))

    def messages(self, bodies: Sequence[str | bytes]) -> list[Sent]:
        """Enqueue."""
        return [
            Sent(f"m{next(self._numbers)}", one if isinstance(one, str) else one.decode(), self.clock())
            for one in bodies
        ]

    def deliver(self, handler: ingest.Handler, messages: Sequence[Sent], *, rounds: int = 20) -> int:
        """Call until everything is acknowledged; how often the function was called."""
        left, fault = list(messages), ""
        for turn in range(1, rounds + 1):
            try:
                failed = {one["itemIdentifier"] for one in handler(queue_event(left), Context())["batchItemFailures"]}
            except Exception as exc:  # noqa: BLE001 - Lambda gives the whole batch back, whatever it was
                failed, fault = {one.id for one in left}, repr(exc)
            left = [one for one in left if one.id in failed]
            if not left:
                return turn
            self.clock.now_us += REDELIVERED_US
        msg = f"never finished: {left} {fault}"
        raise AssertionError(msg)

    def put(self, key: str, content: bytes) -> str:
        """An object in the trail's bucket; its key."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key

    def notifications(self) -> list[str]:
        """Ids of what the topic's subscriber got since this was asked last, in no order."""
        return sorted(
            json.loads(json.loads(body)["Message"])["finding_info"]["uid"] for body in self._received(self._inbox)
        )

    def rejects(self) -> list[dict[str, Any]]:
        """What the rejects queue got since this was asked last."""
        return [json.loads(body) for body in self._received(self.environment["FIRSTSEEN_REJECTS_URL"])]

    def _received(self, url: str) -> Iterator[str]:
        while found := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for one in found:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                yield one["Body"]

    def rows(self) -> list[FindingRow]:
        """Every finding in the table."""
        store = DynamoStore(self.environment["FIRSTSEEN_TABLE"], client=dynamodb_client(SESSION), workers=1)
        return list(store.scan_findings(Query()))

    def uids(self) -> list[str]:
        """Their ids."""
        return sorted(row.finding.uid for row in self.rows())


@contextmanager
def cloud(folder: Path, rules: str = RULES) -> Iterator[Cloud]:
    """An account of its own, under moto in this process."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, CREDENTIALS))
        quicken()
        stack.enter_context(mock_aws())
        yield deployed(folder, rules)


_numbers = iter(range(1_000_000))


def deployed(folder: Path, rules: str = RULES) -> Cloud:
    """Another deployment in the account that is there."""
    name = f"firstseen-{next(_numbers)}"
    sqs, sns, s3 = SESSION.client("sqs"), SESSION.client("sns"), SESSION.client("s3")
    create_table(SESSION.client("dynamodb"), name)
    topic = sns.create_topic(Name=name)["TopicArn"]
    inbox = sqs.create_queue(QueueName=f"{name}-inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": cast("Any", REGION)})
    pack = folder / f"{name}.pack"
    pack.write_bytes(dump(build_pack({"rules.yml": rules.encode()})))
    environment: Mapping[str, str] = {
        "FIRSTSEEN_TABLE": name,
        "FIRSTSEEN_TOPIC_ARN": topic,
        "FIRSTSEEN_REJECTS_URL": sqs.create_queue(QueueName=f"{name}-rejects")["QueueUrl"],
        "FIRSTSEEN_PACK": str(pack),
        "FIRSTSEEN_SERVICE": name,
    }
    return Cloud(dict(environment), Clock(), name, s3, sqs, inbox)
