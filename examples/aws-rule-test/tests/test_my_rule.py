"""A rule of one's own, through the Lambda function, with AWS played by moto."""
# ruff: noqa: ANN401, D103, INP001, S101 - a test: its names are sentences, and it asserts

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from moto import mock_aws

from firstseen.adapters.aws.schema import create_table
from firstseen.cli.main import main

RULES = Path(__file__).parent.parent / "rules"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


@dataclass
class Deployment:
    """The function, and the queue of somebody who subscribed to its topic."""

    ingest: ModuleType
    inbox: str

    def deliver(self, *events: dict[str, Any]) -> Any:
        """One batch, as EventBridge and SQS hand it over; what the function answers."""
        bodies = [{"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": one} for one in events]
        sent = str(int(time.time() * 1000))
        records = [
            {"messageId": str(number), "body": json.dumps(body), "attributes": {"SentTimestamp": sent}}
            for number, body in enumerate(bodies)
        ]
        context = SimpleNamespace(aws_request_id="test", get_remaining_time_in_millis=lambda: 120_000)
        return self.ingest.handler({"Records": records}, context)

    def received(self) -> list[dict[str, Any]]:
        """Findings that the subscriber got."""
        answer = boto3.client("sqs").receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10)
        return [json.loads(json.loads(one["Body"])["Message"]) for one in answer.get("Messages", [])]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    pack = tmp_path / "rules.pack"
    assert main(["rules", "build", "-o", str(pack), str(RULES)]) == 0
    with mock.patch.dict(os.environ, CREDENTIALS), mock_aws():
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        create_table(boto3.client("dynamodb"), "state")
        topic = sns.create_topic(Name="findings")["TopicArn"]
        inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        settings = {
            "FIRSTSEEN_TABLE": "state",
            "FIRSTSEEN_TOPIC_ARN": topic,
            "FIRSTSEEN_REJECTS_URL": sqs.create_queue(QueueName="rejects")["QueueUrl"],
            "FIRSTSEEN_PACK": str(pack),
        }
        with mock.patch.dict(os.environ, settings):
            from functions.aws import ingest, wiring  # noqa: PLC0415 - a container starts when it is imported

            ingest.handler = ingest.handler_of(wiring.start())  # a fresh one for each test
            yield Deployment(ingest, inbox)


def user_created(number: int, who: str) -> dict[str, Any]:
    """What CloudTrail writes, as far as the rule looks at it."""
    return {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": "2026-03-02T09:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::111122223333:user/{who}", "userName": who},
    }


def test_the_first_user_that_somebody_creates_is_told_and_the_second_is_not(deployment: Deployment) -> None:
    assert deployment.deliver(user_created(1, "ada"), user_created(2, "ada")) == {"batchItemFailures": []}
    (finding,) = deployment.received()
    assert finding["finding_info"]["title"] == "Somebody created an IAM user, first time in 30 days"
    assert finding["finding_info"]["related_events"][0]["uid"] == "event-1"
    deployment.deliver(user_created(3, "ada"))
    assert deployment.received() == []
