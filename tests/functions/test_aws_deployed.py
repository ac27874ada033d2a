"""The deployed path: bus and bucket, queue, event source mapping, the built package, table, topic. Under ministack.

The template is transformed as SAM does and made by CloudFormation; only what ministack cannot do is changed: it nests
no stacks, it fires no rule in the state for all management events, it takes events from nobody in AWS's name, its
buses have no policies, and it runs functions on its own interpreter. And what is given back comes again after half a
minute, not after twelve. What the bus hands over is compiled from the rules of the test.
"""
# ruff: noqa: ANN401 - clients of boto3 by name: their types cannot be told apart here

from __future__ import annotations

import gzip
import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.cli import main
from firstseen.cli.eventbridge import STATE
from firstseen.findings import canaries
from firstseen.language.canaries import Canaries, load
from firstseen.store.store import FindingRow, Query
from tests.conformance.cases import Reported, check, load_cases
from tests.emulators import ministack, ministack_python
from tests.faults.world import RULES, event
from tests.functions.aws_cases import apart, reported
from tests.functions.aws_cloud import REGION, bus_event
from tests.functions.aws_package import build, once
from tests.infra.templates import Template, inlined, needs_infra, transformed, written

TRAIL = "the-trail"
NOT_AWS = "made.up"
"""Whom events are from. Nobody may put any whose source begins as AWS's do."""
WAIT_SECONDS = 20
"""One long poll; the mapping takes up to five seconds to fill its batch."""
AGAIN_SECONDS = 30
"""After which a message that was given back comes again; longer than the first call of a container takes."""
MAX_POLLS = 150
"""Of about a second each, before the queue must be empty: a call may take 120, and the first ones start Python."""
MAX_ENTRIES = 10
"""EventBridge takes no more in a call."""

SAMPLE = (
    *(f"new_terms-{name}" for name in ("first_sight", "inside_the_window", "outside_the_window", "at_the_edge")),
    *(f"new_terms-{name}" for name in ("past_the_edge", "duplicates", "arrays", "ancient", "bridging")),
    *("event_count-late_completes", "temporal-late_first"),
)
"""None that depends on when an event is received, nor on the order of events that arrive together."""

_CASES = {case.name: case for case in load_cases()}
CASES = [apart(_CASES[name], number) for number, name in enumerate(SAMPLE)]
WORLD_IDS = "11111111-"
"""How the ids of the scenario's own rules begin."""

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
    sent: Canaries = field(default_factory=lambda: Canaries(""))

    def client(self, name: Any) -> Any:
        return self.session.client(name, endpoint_url=self.url, config=Config(read_timeout=WAIT_SECONDS + 10))

    def by_bus(self, *events: bytes) -> None:
        envelopes = [json.loads(bus_event(raw)) for raw in events]
        entries = [
            {"Source": NOT_AWS, "DetailType": one["detail-type"], "Detail": json.dumps(one["detail"])}
            for one in envelopes
        ]
        for at in range(0, len(entries), MAX_ENTRIES):
            answer = self.client("events").put_events(Entries=entries[at : at + MAX_ENTRIES])
            assert answer["FailedEntryCount"] == 0

    def by_bucket(self, key: str, *events: bytes) -> None:
        body = gzip.compress(b'{"Records":[' + b",".join(events) + b"]}")
        self.client("s3").put_object(Bucket=TRAIL, Key=key, Body=body)

    def received(self, queue: str, number: int) -> list[dict[str, Any]]:
        """So many messages of a queue, or fewer if no more come."""
        bodies: list[dict[str, Any]] = []
        for _ in range(20):
            found = self._taken(queue, WAIT_SECONDS)
            bodies.extend(found)
            if len(bodies) >= number or not found:
                break
        return bodies

    def told(self) -> list[dict[str, Any]]:
        """What the topic's subscriber has got once every event sent so far is worked on and acknowledged.

        ministack's bus and topic hand over before they answer, so with an empty queue nothing is on its way.
        """
        found: list[dict[str, Any]] = []
        for _ in range(MAX_POLLS):
            left = self._waiting()
            got = self._taken(self.inbox, 1)
            found.extend(got)
            if not left and not got:
                return found
        msg = f"events still wait after {MAX_POLLS} polls: {self._waiting()}"
        raise AssertionError(msg)

    def _waiting(self) -> int:
        """Events in the queue, or in work."""
        queue = self.outputs["IngestQueue"]
        counts = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return sum(int(counts[f"ApproximateNumberOfMessages{state}"]) for state in ("", "NotVisible", "Delayed"))

    def _taken(self, queue: str, seconds: int) -> list[dict[str, Any]]:
        """Up to ten messages, off the queue; none if none come for so long."""
        sqs = self.client("sqs")
        found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=seconds, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"]) for one in found]

    def store(self) -> DynamoStore:
        client = dynamodb_client(self.session, endpoint_url=self.url)
        return DynamoStore(self.outputs["StateTable"], client=client, workers=1)

    def rows(self) -> list[FindingRow]:
        """What real events brought about."""
        return [row for row in self.store().scan_findings(Query()) if row.finding.routing != "canary"]

    def call(self, name: str) -> dict[str, Any]:
        """Call a function as its schedule does; its answer."""
        functions = self.client("lambda")
        (found,) = (one["FunctionName"] for one in functions.list_functions()["Functions"] if name in one["Handler"])
        answer: dict[str, Any] = functions.invoke(FunctionName=found, Payload=b"{}")
        return answer


def _version() -> str:
    command = [str(ministack_python()), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    def make(folder: Path) -> None:
        rules = folder / "rules.yml"
        rules.write_text("\n---\n".join([RULES, *(case.rules for case in CASES)]), encoding="utf-8")
        package, _ = build(folder, python=_version(), rules=rules)
        package.rename(folder / "package.zip")
        assert main(["rules", "build", "--eventbridge", str(folder / "calls.yaml"), str(rules)]) == 0

    made = once(tmp_path_factory, "aws-package-for-ministack", make)
    with ministack() as url, _deployed(url, made / "package.zip", made / "calls.yaml") as stack:
        with zipfile.ZipFile(made / "package.zip") as package:
            stack.sent = load(package.read("rules.canaries"))
        yield stack


def _template(calls: Path) -> Template:
    """Every resource of the deployment, as far as ministack has it."""
    template = inlined(transformed("s3://code/package.zip"), "Calls", written(calls))
    for name in [name for name, one in template["Resources"].items() if one["Type"] == "AWS::Events::EventBusPolicy"]:
        del template["Resources"][name]
    for one in template["Resources"].values():
        if one["Type"] == "AWS::Events::Rule" and one["Properties"].get("State") == STATE:
            one["Properties"]["State"] = "ENABLED"
            one["Properties"]["EventPattern"]["source"] = [NOT_AWS]
    return template


@contextmanager
def _deployed(url: str, package: Path, calls: Path) -> Iterator[Stack]:
    session = Session("testing", "testing", region_name=REGION)
    stack = Stack(session, url, {}, "")
    s3 = stack.client("s3")
    for bucket in ("code", TRAIL):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket=TRAIL, NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.upload_file(str(package), "code", "package.zip")
    template = _template(calls)
    formation = stack.client("cloudformation")
    parameters = {
        "TrailPath": "bucket",
        "TrailBucketName": TRAIL,
        "BaselineDays": "0",  # else rules with memory would first learn from the event history, in silence
        "MaximumConcurrency": "2",
    }
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
    # Copies of an event meet in two containers: one sends the finding, the other gives its message back.
    again = {"VisibilityTimeout": str(AGAIN_SECONDS)}
    sqs.set_queue_attributes(QueueUrl=stack.outputs["IngestQueue"], Attributes=again)
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
    uids = sorted(json.loads(one["Message"])["finding_info"]["uid"] for one in stack.told())
    rejects = stack.received(stack.outputs["RejectsQueue"], 2)
    assert sorted(json.loads(one["raw"])["eventID"] for one in rejects) == ["poison-1", "poison-2"]
    assert all("no time that can be read" in one["reason"] or "known here" in one["reason"] for one in rejects)
    assert {one["pointer"] for one in rejects} == {"", f"s3://{TRAIL}/AWSLogs/1/CloudTrail/a b+c.json.gz"}
    rows = [row for row in stack.rows() if row.finding.card.id.startswith(WORLD_IDS)]
    assert sorted(row.finding.card.title for row in rows) == ["Removed", "Somebody new asked", "Somebody new asked"]
    assert uids == sorted(row.finding.uid for row in rows)
    assert {row.status for row in rows} == {"sent"}
    assert stack.client("sqs").receive_message(QueueUrl=stack.outputs["DeadLetterQueue"]).get("Messages", []) == []


def test_a_sample_of_the_conformance_cases_comes_out_at_the_topic(stack: Stack) -> None:
    """All cases at once, with rules of their own; the next event of a case is sent when the one before is settled."""
    found: list[Reported] = []
    for turn in range(max(len(case.batches) for case in CASES)):
        stack.by_bus(*(one.raw for case in CASES for batch in case.batches[turn : turn + 1] for one in batch))
        found.extend(reported(json.loads(one["Message"])) for one in stack.told())
    for number, case in enumerate(CASES):
        check(case, [one for one in found if one.rule == f"reported_{number}"])
    rows = [row for row in stack.rows() if not row.finding.card.id.startswith(WORLD_IDS)]
    assert sorted(one.uid for one in found) == sorted(row.finding.uid for row in rows)
    assert {row.status for row in rows} == {"sent"}


def test_a_canary_of_each_rule_goes_through_and_is_told_to_nobody(stack: Stack) -> None:
    """Function, bus, its rule, queue, mapping, function, table: the round is whole, and the topic heard nothing."""
    assert len(stack.sent.canaries) > len(CASES)
    before = {row.finding.uid for row in stack.rows()}
    answer = stack.call("functions.aws.canary")
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert stack.told() == []
    store = stack.store()
    last = canaries.last_round(store)
    assert last is not None
    assert (last.sent, last.pack) == (len(stack.sent.canaries), stack.sent.pack)
    verdict = canaries.judge(store, last, stack.sent, now_us=last.sent_us + canaries.JUDGED_AFTER_US)
    assert ([one.canary.title for one in verdict.silent], verdict.unsure) == ([], 0)
    assert {row.finding.uid for row in stack.rows()} == before
    assert stack.client("sqs").receive_message(QueueUrl=stack.outputs["RejectsQueue"]).get("Messages", []) == []
