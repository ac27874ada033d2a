"""``firstseen doctor --stack``: what it says of a sound deployment, and of each thing that is wrong with one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.session import Session
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.sns.models import sns_backends

from firstseen.adapters.aws import doctor
from firstseen.adapters.aws.asking import Answer, Asker, _fault
from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.adapters.aws.deployment import Deployment, Resource
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import ATTRIBUTES, INDEXES, KEY_SCHEMA
from firstseen.cli import main
from firstseen.cli.commands.doctor import _line
from firstseen.cli.ruleset import load_pack
from firstseen.deliveries import Delivery
from firstseen.findings.diagnosis import Check
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.pipeline import Pipeline
from tests.emulators import CREDENTIALS
from tests.faults.world import RULES, event
from tests.quick_moto import quicken

STACK = "firstseen"
ALL_CALLS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def role(*actions: str) -> dict[str, Any]:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:A"}]}
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }
    policies = [{"PolicyName": "works", "PolicyDocument": document}]
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, "Policies": policies}}


def rule(state: str) -> dict[str, Any]:
    return {"Type": "AWS::Events::Rule", "Properties": {"State": state, "EventPattern": {"source": ["aws.s3"]}}}


def template() -> dict[str, Any]:
    """The parts of template.yaml that doctor looks at, as far as moto makes them."""
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": list(ATTRIBUTES),
        "KeySchema": list(KEY_SCHEMA),
        "GlobalSecondaryIndexes": list(INDEXES),
    }
    function = {
        "Runtime": "python3.13", "Handler": "x.y", "Role": {"Fn::GetAtt": ["IngestRole", "Arn"]},
        "Code": {"ZipFile": "pass"},
        "Environment": {"Variables": {"FIRSTSEEN_TABLE": {"Ref": "State"}, "FIRSTSEEN_PACKS": "s3://packs/rules"}},
    }  # fmt: skip
    fed = {
        "FunctionName": {"Ref": "Ingest"},
        "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
        "BatchSize": 10,
    }
    return {
        "Parameters": {"TrailPath": {"Type": "String", "Default": "none"}},
        "Resources": {
            "Calls1": rule(ALL_CALLS),
            "NewObjects": rule("ENABLED"),
            **{name: {"Type": "AWS::SQS::Queue"} for name in ("Queue", "Rejects", "DeadLetters")},
            "IngestRole": role("dynamodb:Query", "sns:Publish"),
            "Ingest": {"Type": "AWS::Lambda::Function", "Properties": function},
            "IngestQueue": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": fed},
            "State": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": json.dumps({"Statement": []})}},
            "Findings": {"Type": "AWS::SNS::Topic"},
        },
    }


class Stack:
    """A sound one in moto, and what a test needs to break it."""

    def __init__(self) -> None:
        self.client: Callable[..., Any] = getattr(boto3, "client")  # noqa: B009 - a client of any service
        self.client("s3").create_bucket(
            Bucket="packs", CreateBucketConfiguration={"LocationConstraint": CREDENTIALS["AWS_REGION"]}
        )
        self.client("cloudformation").create_stack(
            StackName=STACK, TemplateBody=json.dumps(template()), Capabilities=["CAPABILITY_IAM"]
        )
        found = self.client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        self.id = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
        self.allow("dynamodb:Query", "sns:Publish")
        dynamo = self.client("dynamodb")
        dynamo.update_time_to_live(
            TableName=self.id["State"], TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
        dynamo.update_continuous_backups(
            TableName=self.id["State"], PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        self.client("cloudwatch").put_metric_data(
            Namespace="firstseen",
            MetricData=[
                {
                    "MetricName": "events",
                    "Value": 3,
                    "Timestamp": datetime.fromtimestamp(time.time() - 600, UTC),
                    "Dimensions": [{"Name": "service", "Value": STACK}],
                }
            ],
        )
        self.client("cloudwatch").put_metric_alarm(
            AlarmName="an-alarm", Namespace="AWS/SQS", MetricName="Age", Statistic="Maximum", Period=300,
            EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
            AlarmDescription="a delivery waits",
        )  # fmt: skip
        self.client("events").create_event_bus(Name="elsewhere")
        self.client("events").put_rule(
            Name="from-elsewhere", EventBusName="elsewhere", State=ALL_CALLS, EventPattern='{"source": ["aws.s3"]}'
        )
        self.client("sns").subscribe(TopicArn=self.id["Findings"], Protocol="sqs", Endpoint=self.arn_of("Queue"))

    def allow(self, *actions: str) -> None:
        document = role(*actions)["Properties"]["Policies"][0]["PolicyDocument"]
        self.client("iam").put_role_policy(
            RoleName=self.id["IngestRole"], PolicyName="works", PolicyDocument=json.dumps(document)
        )

    def alarm(self, value: str) -> None:
        self.client("cloudwatch").set_alarm_state(AlarmName="an-alarm", StateValue=value, StateReason="said")

    def arn_of(self, name: str) -> str:
        said = self.client("sqs").get_queue_attributes(QueueUrl=self.id[name], AttributeNames=["QueueArn"])
        arn: str = said["Attributes"]["QueueArn"]
        return arn

    def store(self) -> DynamoStore:
        return DynamoStore(self.id["State"], client=dynamodb_client(Session()))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    whole = doctor.deployed

    def listed(name: str) -> Deployment:
        found = whole(name)
        return replace(found, resources=(*found.resources, *MORE))

    monkeypatch.setattr(doctor, "deployed", listed)
    quicken()
    with mock_aws():
        yield Stack()


MORE = (
    Resource("OldestMessageAlarm", "AWS::CloudWatch::Alarm", "an-alarm"),
    Resource("CallsFromElsewhere", "AWS::Events::Rule", "elsewhere|from-elsewhere"),
)
"""What moto's CloudFormation does not know, or not on a bus of its own."""


class Deaf:
    """A sink that takes nothing."""

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        del deadline_us
        return ["unavailable"] * len(findings)


Told = dict[str, list[tuple[str, str, str]]]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Told]]:
    """Run doctor: exit status, and (health, said, mend) by the check's name."""

    def run(*words: str) -> tuple[int, Told]:
        status = main(["doctor", "--stack", STACK, "--format", "json", *words])
        found: Told = {}
        said = capsys.readouterr()[0]
        for one in json.loads(said[said.index("{\n") :])["checks"]:
            found.setdefault(one["check"], []).append((one["health"], one["said"], one["mend"]))
        return status, found

    return run


def test_a_sound_deployment_fails_nothing_and_warns_of_nothing_but_what_has_not_run(
    stack: Stack, look: Callable[..., tuple[int, Told]]
) -> None:
    status, told = look()
    assert status == 0
    assert [name for name, found in told.items() if any(one[0] != "ok" for one in found)] == ["baselines"]
    seen = {"stack", "rule state", "queues", "functions", "permissions", "table", "key", "subscriptions", "alarms"}
    assert set(told) == seen | {"last event", "clock", "rules", "waiting", "baselines", "canaries"}
    stack.alarm("OK")


def _disable_calls(stack: Stack) -> None:
    stack.client("events").disable_rule(Name=stack.id["Calls1"])


def _narrow_calls(stack: Stack) -> None:
    stack.client("events").put_rule(
        Name="from-elsewhere", EventBusName="elsewhere", State="ENABLED", EventPattern='{"source": ["aws.s3"]}'
    )


def _dead_letter(stack: Stack) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.id["DeadLetters"], MessageBody="x")


def _remove_queue(stack: Stack) -> None:
    stack.client("sqs").delete_queue(QueueUrl=stack.id["Rejects"])


def _take_permission(stack: Stack) -> None:
    stack.allow("sns:Publish")


def _disable_key(stack: Stack) -> None:
    stack.client("kms").disable_key(KeyId=stack.id["Key"])


def _unsubscribe(stack: Stack) -> None:
    for one in stack.client("sns").list_subscriptions()["Subscriptions"]:
        stack.client("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def _alarm(stack: Stack) -> None:
    stack.alarm("ALARM")


def _throttle(stack: Stack) -> None:
    stack.client("lambda").put_function_concurrency(FunctionName=stack.id["Ingest"], ReservedConcurrentExecutions=0)


def _unfeed(stack: Stack) -> None:
    stack.client("lambda").delete_event_source_mapping(UUID=stack.id["IngestQueue"])


def _spoil_pointer(stack: Stack) -> None:
    stack.client("s3").put_object(Bucket="packs", Key="rules/current.json", Body=b"{}")


WRONG: dict[str, tuple[Callable[[Stack], None], str, str]] = {
    "a rule is disabled": (_disable_calls, "rule state", "Calls1 is disabled"),
    "reads are not handed over": (_narrow_calls, "rule state", "calls that only read"),
    "a dead letter": (_dead_letter, "queues", "DeadLetters: 1 wait"),
    "a queue is gone": (_remove_queue, "queues", "not there"),
    "a permission is gone": (_take_permission, "permissions", "dynamodb:Query"),
    "the key is disabled": (_disable_key, "key", "Disabled"),
    "nobody is told": (_unsubscribe, "subscriptions", "nobody"),
    "an alarm is on": (_alarm, "alarms", "OldestMessageAlarm is on: a delivery waits"),
    "a function is throttled": (_throttle, "functions", "throttled to nothing"),
    "the queue feeds nobody": (_unfeed, "functions", "not fed"),
    "the pointer is no pointer": (_spoil_pointer, "rules", "cannot be run"),
}
"""What happens, the check that fails, what it says."""


def test_whatever_is_wrong_fails_its_check_and_comes_with_its_mend(
    stack: Stack, look: Callable[..., tuple[int, Told]]
) -> None:
    for happens, _, _ in WRONG.values():
        happens(stack)
    status, told = look()
    assert status == 1
    for what, (_, name, said) in WRONG.items():
        assert any(health == "fail" and said in found and mend for health, found, mend in told[name]), what
    assert {name for name, found in told.items() if any(one[0] == "fail" for one in found)} == {
        name for _, name, _ in WRONG.values()
    }


def test_a_table_that_is_gone_fails_what_needs_it_and_the_rest_goes_on(
    stack: Stack, look: Callable[..., tuple[int, Told]]
) -> None:
    stack.client("dynamodb").delete_table(TableName=stack.id["State"])
    status, told = look()
    assert status == 1
    failed = {name for name, found in told.items() if any(one[0] == "fail" for one in found)}
    assert failed == {"table", "waiting", "baselines", "canaries"}
    assert told["clock"][0][0] == "ok"


def test_a_subscription_that_nobody_confirmed_is_named(stack: Stack, look: Callable[..., tuple[int, Told]]) -> None:
    for backend in sns_backends["123456789012"].values():
        for one in backend.subscriptions.values():
            one.arn = "PendingConfirmation"  # as SNS lists it; moto confirms everything
    status, told = look()
    assert status == 1
    assert [health for health, *_ in told["subscriptions"]] == ["warn", "fail"]
    del stack


def test_silence_is_a_failure_after_three_days_and_a_warning_after_an_hour(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def health(hours: float, path: str) -> str:
        found = doctor.deployed(STACK)
        found.ask.clock = lambda: time.time() + hours * 3_600
        (one,) = doctor.LOOKS["last event"](replace(found, parameters={"TrailPath": path}))
        return one.health

    del stack, monkeypatch
    assert health(0.1, "create") == "ok"
    assert health(3, "create") == "warn"
    assert health(3, "none") == "ok"
    assert health(100, "none") == "fail"


def test_a_clock_that_is_wrong_is_told(stack: Stack) -> None:
    def health(seconds: float) -> str:
        found = doctor.deployed(STACK)
        found.ask.skew_seconds = seconds
        (one,) = doctor.LOOKS["clock"](found)
        return one.health

    del stack
    assert [health(one) for one in (1, -60, 600)] == ["ok", "warn", "fail"]


def test_what_may_not_be_seen_is_a_warning_that_names_the_action(
    stack: Stack, look: Callable[..., tuple[int, Told]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asker.ask

    def denied(self: Asker, service: str, operation: str, **more: object) -> Answer:
        if service == "kms":
            raise _fault(service, operation, ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeKey"))
        return asked(self, service, operation, **more)

    monkeypatch.setattr(Asker, "ask", denied)
    status, told = look()
    assert status == 0
    ((health, said, _),) = told["key"]
    assert (health, "kms:DescribeKey" in said) == ("warn", True)
    del stack


def test_what_asks_aws_cannot_do_more_than_read(stack: Stack) -> None:
    del stack
    for operation in ("delete_table", "put_item", "get_item; delete", "update_table"):
        with pytest.raises(ValueError, match="more than read"):
            Asker(Session()).ask("dynamodb", operation)
        with pytest.raises(ValueError, match="more than read"):
            list(Asker(Session()).each("dynamodb", operation, "x"))


def test_a_stack_that_is_not_there_is_named(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    del stack
    assert main(["doctor", "--stack", "absent"]) == 2
    assert "no stack absent" in capsys.readouterr()[1]


def test_published_rules_are_compared_with_those_here_and_what_they_know_is_told(
    stack: Stack, look: Callable[..., tuple[int, Told]], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    assert main(["rules", "publish", str(rules), "--to", "s3://packs/rules"]) == 0
    status, told = look("--rules", str(rules))
    assert status == 0
    assert "the same as here" in told["rules"][0][1]
    assert told["baselines"][0][0] == "warn"  # nothing has run yet
    pipeline = Pipeline(load_pack([str(rules)]), stack.store(), Deaf(), owner="a", clock=lambda: int(time.time() * 1e6))
    pipeline.activate(int(time.time() * 1e6))
    assert "no baseline" in look()[1]["baselines"][0][1]
    rules.write_text(RULES.replace("timespan: 1h", "timespan: 2h"), encoding="utf-8")
    _, told = look("--rules", str(rules))
    assert told["rules"][0][0] == "warn"
    assert "1 changed (11111111-0000-4000-8000-000000000002)" in told["rules"][0][1]


def test_a_finding_that_waits_for_long_is_a_failure(
    stack: Stack, look: Callable[..., tuple[int, Told]], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    now_us = int(time.time() * 1e6) - 3_600_000_000
    pipeline = Pipeline(load_pack([str(rules)]), stack.store(), Deaf(), owner="a", clock=lambda: now_us)
    pipeline.activate(0)
    pipeline.process([Delivery("a", [event(1, 0)], now_us)])
    status, told = look()
    assert status == 1
    assert told["waiting"][0][0] == "fail"
    assert "1 h" in told["waiting"][0][1] or "hour" in told["waiting"][0][1]


def test_text_says_health_name_and_mend_and_hides_what_a_terminal_obeys(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    del stack
    one = Check("queues", "fail", "evil \x1b[31m name", "mend it")
    assert "\x1b" not in _line(one)
    assert main(["doctor", "--stack", STACK]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:2] == ["ok", "stack"]
    assert "0 failed" in err


def test_a_key_of_the_customers_own_is_looked_at_where_the_stack_was_given_one(stack: Stack) -> None:
    """The stack has none of its own then."""
    theirs = stack.client("kms").create_key()["KeyMetadata"]
    whole = doctor.deployed(STACK)
    without = tuple(one for one in whole.resources if one.name != "Key")

    def key(arn: str) -> Check:
        given = replace(whole, resources=without, parameters={**whole.parameters, "KmsKeyArn": arn})
        (found,) = (one for one in doctor.examine(given) if one.name == "key")
        return found

    assert key(theirs["Arn"]).health == "ok"
    stack.client("kms").disable_key(KeyId=theirs["KeyId"])
    assert "Disabled" in key(theirs["Arn"]).said
    assert "no Key" in key("").said
