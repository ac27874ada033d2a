"""The deployed path: bus and bucket, queue, event source mapping, the built package, table, topic. Under ministack.

The template is transformed as SAM does and made by CloudFormation; only what ministack cannot do is changed: it fires
no rule in the state for all management events, and it runs functions on its own interpreter.
"""
# ruff: noqa: ANN401 - clients of boto3 by name: their types cannot be told apart here

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.store.store import FindingRow, Query
from tests.emulators import ministack, ministack_python
from tests.faults.world import RULES, event
from tests.functions.aws_cloud import REGION, bus_event
from tests.functions.aws_package import build, once
from tests.infra.templates import needs_infra, transformed

TRAIL = "the-trail"
WAIT_SECONDS = 20
"""One long poll; the mapping takes up to five seconds to fill its batch."""

pytestmark = [
    needs_infra,
    pytest.mark.skipif(
        ministack_python() is None, reason="ministack is not installed: make .venv-emulators/.installed"
    ),
]


@dataclass
class Stack:
    """The deployment, from outside."""

    session: Session
    url: str
    outputs: dict[str, str]
    inbox: str

    def client(self, name: Any) -> Any:
        return self.session.client(name, endpoint_url=self.url, config=Config(read_timeout=WAIT_SECONDS + 10))

    def by_bus(self, raw: bytes) -> None:
        envelope = json.loads(bus_event(raw))
        entry = {"Source": "made.up", "DetailType": envelope["detail-type"], "Detail": json.dumps(envelope["detail"])}
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def by_bucket(self, key: str, *events: bytes) -> None:
        body = gzip.compress(b'{"Records":[' + b",".join(events) + b"]}")
        self.client("s3").put_object(Bucket=TRAIL, Key=key, Body=body)

    def received(self, queue: str, number: int) -> list[dict[str, Any]]:
        """So many messages of a queue, or fewer if no more come."""
        sqs, bodies = self.client("sqs"), []
        for _ in range(20):
            found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=WAIT_SECONDS, MaxNumberOfMessages=10)
            for one in found.get("Messages", []):
                bodies.append(json.loads(one["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
            if len(bodies) >= number or not found.get("Messages"):
                break
        return bodies

    def rows(self) -> list[FindingRow]:
        client = dynamodb_client(self.session, endpoint_url=self.url)
        return list(DynamoStore(self.outputs["StateTable"], client=client, workers=1).scan_findings(Query()))


def _version() -> str:
    command = [str(ministack_python()), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    def make(folder: Path) -> None:
        rules = folder / "rules.yml"
        rules.write_text(RULES, encoding="utf-8")
        package, _ = build(folder, python=_version(), rules=rules)
        package.rename(folder / "package.zip")

    package = once(tmp_path_factory, "aws-package-for-ministack", make) / "package.zip"
    with ministack() as url, _deployed(url, package) as stack:
        yield stack


@contextmanager
def _deployed(url: str, package: Path) -> Iterator[Stack]:
    session = Session("testing", "testing", region_name=REGION)
    stack = Stack(session, url, {}, "")
    s3 = stack.client("s3")
    for bucket in ("code", TRAIL):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=TRAIL, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.upload_file(str(package), "code", "package.zip")
    template = transformed("s3://code/package.zip")
    template["Resources"]["Calls"]["Properties"]["State"] = "ENABLED"
    formation = stack.client("cloudformation")
    parameters = {"TrailPath": "bucket", "TrailBucketName": TRAIL, "BusCalls": "Ask,Remove"}
    s3.put_object(Bucket="code", Key="template.json", Body=json.dumps(template))
    formation.create_stack(
        StackName="firstseen",
        TemplateURL=f"{url}/code/template.json",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName="firstseen", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    outputs = formation.describe_stacks(StackName="firstseen")["Stacks"][0]["Outputs"]
    stack.outputs = {one["OutputKey"]: one["OutputValue"] for one in outputs}
    sqs, sns = stack.client("sqs"), stack.client("sns")
    _with_numbers(stack.client("lambda"))
    stack.inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=stack.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=stack.outputs["FindingsTopic"], Protocol="sqs", Endpoint=arn)
    yield stack


def _with_numbers(functions: Any) -> None:
    """ministack's CloudFormation keeps MaximumConcurrency as the parameter's text, which its mapping cannot compare."""
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    scaling = {"MaximumConcurrency": int(mapping["ScalingConfig"]["MaximumConcurrency"])}
    functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)


def test_events_become_findings_once_and_only_poison_is_rejected(stack: Stack) -> None:
    """Four events by bus, two of them by bucket too, one by bucket alone; a poison event by each."""
    both = [event(1, 0), event(2, 5, call="Remove")]
    for raw in both:
        stack.by_bus(raw)
    stack.by_bus(json.dumps({"eventName": "Ask", "eventID": "poison-1"}).encode().replace(b"}", b', "eventTime": 5}'))
    stack.by_bucket(
        "AWSLogs/1/CloudTrail/a b+c.json.gz", *both, event(3, 70), b'{"eventName": "Ask", "eventID": "poison-2"}'
    )
    stack.by_bus(event(4, 300, call="Unnamed"))
    told = stack.received(stack.inbox, 3)
    uids = sorted(json.loads(one["Message"])["finding_info"]["uid"] for one in told)
    rejects = stack.received(stack.outputs["RejectsQueue"], 2)
    assert sorted(json.loads(one["raw"])["eventID"] for one in rejects) == ["poison-1", "poison-2"]
    assert all("no time that can be read" in one["reason"] or "known here" in one["reason"] for one in rejects)
    assert {one["pointer"] for one in rejects} == {"", f"s3://{TRAIL}/AWSLogs/1/CloudTrail/a b+c.json.gz"}
    rows = stack.rows()
    assert sorted(row.finding.card.title for row in rows) == ["Removed", "Somebody new asked", "Somebody new asked"]
    assert uids == sorted(row.finding.uid for row in rows)
    assert {row.status for row in rows} == {"sent"}
    assert stack.client("sqs").receive_message(QueueUrl=stack.outputs["DeadLetterQueue"]).get("Messages", []) == []
