"""``notify-test`` and ``sweep`` through a topic, as far as a queue that is subscribed to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from firstseen.cli import main


@dataclass
class Topic:
    arn: str
    queue_url: str
    sqs: Any

    def messages(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with mock_aws():
        sns, sqs = boto3.client("sns", "eu-central-1"), boto3.client("sqs", "eu-central-1")
        arn = sns.create_topic(Name="findings")["TopicArn"]
        url = sqs.create_queue(QueueName="people")["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
        yield Topic(arn, url, sqs)


def test_a_test_finding_arrives_marked_as_a_test(topic: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    """The region comes from the topic's ARN: the shell needs none."""
    assert main(["notify-test", "--sink", f"sns:{topic.arn}", "--level", "high"]) == 0
    (got,) = topic.messages()
    assert got["Subject"].startswith("TEST")
    assert got["MessageAttributes"]["severity"]["Value"].lower() == "high"
    uid = json.loads(got["Message"])["finding_info"]["uid"]
    assert uid in capsys.readouterr().err


def test_a_topic_that_is_not_there_is_not_taken_for_sent(topic: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify-test", "--sink", f"sns:{topic.arn}-other"]) == 1
    assert "was not sent (unavailable)" in capsys.readouterr().err
    assert topic.messages() == []
