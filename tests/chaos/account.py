"""An account on moto's server for the built Lambda package: what it needs, what is put into it, what came out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from boto3.session import Session

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.store.store import FindingRow, Query
from tests.chaos.queueing import Message
from tests.emulators import moto_server
from tests.faults.test_workers import Act
from tests.functions.aws_cloud import REGION, bus_event

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

NAME = "firstseen"
BY_BUS = 0.03
"""Of events: they come as messages of their own, too many to be one each where there are 100,000."""


@dataclass(frozen=True, slots=True)
class Account:
    """One deployment.

    Attributes:
        url: of moto's server.
        settings: what the function is told.
    """

    url: str
    settings: dict[str, str]
    _dynamodb: DynamoDBClient
    _s3: S3Client
    _sqs: SQSClient
    _inbox: str

    def messages(self, name: str, acts: Sequence[Act]) -> list[Message]:
        """One object of the trail with most of a batch, and a message of its own for each of the others."""
        alone = acts[: round(len(acts) * BY_BUS)]
        made = [Message(f"{name}.{place}", bus_event(act.raw), 1) for place, act in enumerate(alone)]
        stored = acts[len(alone) :]
        return [*made, self.stored(name, [act.raw for act in stored])]

    def stored(self, name: str, events: Sequence[bytes]) -> Message:
        """The message about a new object of the trail."""
        key = f"AWSLogs/111122223333/CloudTrail/{name}.json.gz"
        content = gzip.compress(b'{"Records":[' + b",".join(events) + b"]}", 1)
        self._s3.put_object(Bucket=NAME, Key=key, Body=content)
        told = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
        body = {"Records": [told | {"s3": {"bucket": {"name": NAME}, "object": {"key": key}}}]}
        return Message(name, json.dumps(body), len(events))

    def rows(self) -> list[FindingRow]:
        """Every finding in the table."""
        return list(DynamoStore(NAME, client=self._dynamodb, workers=1).scan_findings(Query()))

    def notifications(self) -> list[tuple[str, str]]:
        """(uid, content) of each that the topic's subscriber got."""
        found = []
        for body in self._received(self._inbox):
            message = json.loads(body)["Message"]
            found.append((json.loads(message)["finding_info"]["uid"], message))
        return found

    def rejects(self) -> list[str]:
        """The bodies of what the rejects queue got."""
        return list(self._received(self.settings["FIRSTSEEN_REJECTS_URL"]))

    def _received(self, url: str) -> Iterator[str]:
        while found := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for one in found:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                yield one["Body"]


@contextmanager
def account(folder: Path, pack: bytes) -> Iterator[Account]:
    """An account with one deployment, on a server of its own."""
    with moto_server() as url:
        session = Session("testing", "testing", "testing", REGION)
        dynamodb = dynamodb_client(session, endpoint_url=url)
        s3, sqs = session.client("s3", endpoint_url=url), session.client("sqs", endpoint_url=url)
        sns = session.client("sns", endpoint_url=url)
        create_table(dynamodb, NAME)
        topic = sns.create_topic(Name=NAME)["TopicArn"]
        inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": cast("Any", REGION)})
        path = folder / "rules.pack"
        path.write_bytes(pack)
        settings = {
            "FIRSTSEEN_TABLE": NAME,
            "FIRSTSEEN_TOPIC_ARN": topic,
            "FIRSTSEEN_REJECTS_URL": sqs.create_queue(QueueName="rejects")["QueueUrl"],
            "FIRSTSEEN_PACK": str(path),
        }
        yield Account(url, settings, dynamodb, s3, sqs, inbox)
