"""The template says what the code needs, and grants no more. Linters see less than half of this."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from firstseen.adapters.aws import schema
from firstseen.findings.canaries import CANARY
from firstseen.settings.aws import ADDRESSES, AWS_VARIABLES, files
from firstseen.settings.prefixes import MAX_CHARACTERS, prefixes
from tests.emulators import ROOT, environment
from tests.faults.world import event
from tests.functions.aws_cloud import bus_event
from tests.functions.further_logs import OKTA_ON_THE_BUS
from tests.infra.conditions import refusals
from tests.infra.templates import CALLS, MEMBER, TEMPLATE, Template, needs_infra, run, transformed, written

pytestmark = needs_infra

ACTIONS = {
    "batch_get_item": ("dynamodb:BatchGetItem",),
    "batch_write_item": ("dynamodb:BatchWriteItem",),
    "get_object": ("s3:GetObject", "s3:ListBucket"),
    "lookup_events": ("cloudtrail:LookupEvents",),
    "publish_batch": ("sns:Publish",),
    "put_events": ("events:PutEvents",),
    "put_object": ("s3:PutObject",),
    "put_item": ("dynamodb:PutItem",),
    "query": ("dynamodb:Query",),
    "send_message_batch": ("sqs:SendMessage",),
    "transact_write_items": ("dynamodb:PutItem",),
    "update_item": ("dynamodb:UpdateItem",),
}
"""Each call of an SDK client that the functions can reach, and what it needs. Listing tells missing from denied."""

ONLY_ELSEWHERE = {"create_table", "update_time_to_live", "get_waiter", "scan"}
"""Calls that only tests and the command line reach."""

BY_HAND = {"dead_letters"}
"""Adapters that only the command line has."""

BY_AWS = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda's event source mapping does with the function's role."""
NO_RESOURCE = {"cloudtrail:LookupEvents"}
"""Actions that can be allowed on nothing less than everything."""
BY_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
BY_ENCRYPTION = {"kms:Decrypt", "kms:GenerateDataKey"}
"""What SNS (an encrypted topic) and S3 (an encrypted bucket) ask of the caller."""


@cache
def template() -> Template:
    return transformed()


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the resources of a type, by name."""
    return {name: one["Properties"] for name, one in template()["Resources"].items() if one["Type"] == kind}


def statements(role: str) -> Iterator[dict[str, Any]]:
    """A role's statements, those under conditions included."""
    for policy in of_type("AWS::IAM::Role")[role]["Policies"]:
        for one in policy["PolicyDocument"]["Statement"]:
            yield one["Fn::If"][1] if "Fn::If" in one else one


def actions(role: str) -> set[str]:
    found = [one["Action"] for one in statements(role)]
    return {action for one in found for action in ([one] if isinstance(one, str) else one)}


def test_sam_and_cfn_lint_find_nothing_in_the_template_as_written_and_as_transformed(tmp_path: Path) -> None:
    validated = run("sam", "validate", "--lint", "--template", str(TEMPLATE))
    assert validated.returncode == 0, validated.stdout + validated.stderr
    after = tmp_path / "template.json"
    uploaded = "https://bucket.s3.eu-central-1.amazonaws.com/calls.template"
    local = template()["Resources"]["Calls"]["Properties"]["TemplateURL"]
    after.write_text(json.dumps(template()).replace(local, uploaded), encoding="utf-8")
    linted = run("cfn-lint", *map(str, (TEMPLATE, after, CALLS, MEMBER)))
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(("file", "passed"), [(TEMPLATE, 20), (MEMBER, 5)], ids=["template", "member"])
def test_checkov_fails_nothing_and_could_read_everything(file: Path, passed: int) -> None:
    """It exits with 0 on what it cannot parse, so the report is what counts. Each skip stands with its reason."""
    done = run("checkov", "--framework", "cloudformation", "--skip-download", "-f", str(file), "-o", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["failed"] == 0, [one["check_id"] for one in report["results"]["failed_checks"]]
    assert report["summary"]["passed"] > passed
    assert all(one["check_result"]["suppress_comment"] for one in report["results"]["skipped_checks"])


def test_the_rules_for_calls_see_read_only_calls() -> None:
    rules = {**written(CALLS)["Resources"], **written(MEMBER)["Resources"], **template()["Resources"]}
    told = [one["Properties"] for name, one in rules.items() if name.startswith("Calls") and name != "Calls"]
    assert len(told) > 5
    assert {one["State"] for one in told} == {"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}


def test_what_other_regions_and_accounts_hand_over_is_taken_if_it_is_cloudtrails() -> None:
    rule = of_type("AWS::Events::Rule")["CallsFromElsewhere"]
    assert rule["EventBusName"] == {"Ref": "Bus"}
    chosen = EventPattern.load(json.dumps(rule["EventPattern"]))

    def taken(kind: str, source: str) -> bool:
        sample: Any = json.loads(bus_event(event(1, 0))) | {"detail-type": kind, "source": source}
        return chosen.matches_event(sample)

    for kind in (
        "AWS API Call via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Service Event via CloudTrail",
    ):
        assert taken(kind, "aws.ec2")
        assert not taken(kind, "made.up")
    assert not taken("Object Created", "aws.s3")


def test_only_the_organisation_may_put_events_on_the_bus_and_only_if_there_is_one() -> None:
    policy = template()["Resources"]["BusPolicy"]
    assert policy["Condition"] == "HasOrganization"
    statement = policy["Properties"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}}
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", {"Fn::GetAtt": ["Bus", "Arn"]})


def test_the_calls_are_handed_to_the_queue_by_the_template_that_make_writes() -> None:
    """Its path as sam deploy uploads it, its parameters as it has them."""
    properties = template()["Resources"]["Calls"]["Properties"]
    assert ROOT / properties["TemplateURL"] == CALLS
    assert set(properties["Parameters"]) == set(written(CALLS)["Parameters"])
    arns = {name: {"Fn::GetAtt": [name, "Arn"]} for name in written(CALLS)["Resources"]}
    assert list(arns.values()) == written(CALLS)["Outputs"]["RuleArns"]["Value"]["Fn::Join"][1]


def test_the_pattern_for_objects_matches_new_objects_of_the_one_bucket() -> None:
    found = json.dumps(of_type("AWS::Events::Rule")["NewObjects"]["EventPattern"])
    choice = {"Fn::If": ["CreatesTrail", {"Ref": "TrailBucket"}, {"Ref": "TrailBucketName"}]}
    chosen = EventPattern.load(found.replace(json.dumps(choice), '"trail"'))
    sample: Any = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "trail"}, "object": {"key": "a"}},
    }
    assert chosen.matches_event(sample)
    assert not chosen.matches_event(sample | {"detail-type": "Object Deleted"})
    assert not chosen.matches_event(sample | {"detail": {"bucket": {"name": "other"}, "object": {"key": "a"}}})


def test_new_objects_of_the_bucket_with_other_logs_are_told_of_if_there_is_one() -> None:
    rule = template()["Resources"]["NewLogs"]
    assert rule["Condition"] == "HasLogBucket"
    found = json.dumps(rule["Properties"]["EventPattern"])
    chosen = EventPattern.load(found.replace('{"Ref": "LogBucketName"}', '"logs"'))
    sample: Any = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "logs"}, "object": {"key": "okta/a.json.gz"}},
    }
    assert chosen.matches_event(sample)
    assert not chosen.matches_event(sample | {"detail": {"bucket": {"name": "trail"}, "object": {"key": "a"}}})


@pytest.mark.parametrize("way", ["bucket", "topic"])
def test_the_trails_bucket_is_not_named_again_as_that_of_other_logs(way: str) -> None:
    """Two rules would hand over each of its objects."""
    given = {"TrailPath": way, "TrailBucketName": "trail", "TrailTopicArn": "arn:aws:sns:eu-central-1:111122223333:t"}
    (said,) = refusals(template(), given | {"LogBucketName": "trail"})
    assert "LogBucketName" in said
    for other in ("", "logs"):
        assert refusals(template(), given | {"LogBucketName": other}) == []
    assert refusals(template(), given | {"TrailPath": "none", "LogBucketName": "trail"}) == []


def test_the_pattern_for_okta_takes_what_its_partner_bus_carries_if_there_is_one() -> None:
    rule = template()["Resources"]["Okta"]
    assert rule["Condition"] == "HasOkta"
    assert template()["Conditions"]["HasOkta"]["Fn::Not"] == [{"Fn::Equals": [{"Ref": "OktaEventBusName"}, ""]}]
    assert template()["Parameters"]["OktaEventBusName"]["Default"] == ""
    assert rule["Properties"]["EventBusName"] == {"Ref": "OktaEventBusName"}
    chosen = EventPattern.load(json.dumps(rule["Properties"]["EventPattern"]))
    sample: Any = OKTA_ON_THE_BUS
    assert chosen.matches_event(sample)
    assert not chosen.matches_event(sample | {"source": "aws.partner/other.com/x/y"})
    assert not chosen.matches_event(sample | {"detail-type": "Something else"})


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("", True),
        ("aws.partner/okta.com/contoso/system-log", True),
        ("default", False),
        ("aws.partner/okta.com/", False),
    ],
)
def test_the_bus_of_okta_has_the_name_that_eventbridge_gives_it(name: str, *, taken: bool) -> None:
    """As the source of its events, which is what the rule asks for; no other bus carries them."""
    assert bool(re.search(template()["Parameters"]["OktaEventBusName"]["AllowedPattern"], name)) is taken


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("none", True), ("b/okta/=okta.system", True), ("b/d=1/=vk.audit,b/=gcp.audit", True), ("", False),
        ("b/okta/", False), ("b/=okta", False), ("b/=okta.system,", False), ("=okta.system", False),
        ("a b/=okta.system", False),
    ],
)  # fmt: skip
def test_the_template_takes_only_prefixes_that_the_function_takes(said: str, *, taken: bool) -> None:
    """But for names of logs and repeats, which the function's start refuses."""
    stated = template()["Parameters"]["LogSources"]
    assert bool(re.search(stated["AllowedPattern"], said)) is taken
    assert (prefixes(said) is not None) is taken
    assert stated["MaxLength"] == MAX_CHARACTERS


def test_canaries_are_taken_from_their_function_alone() -> None:
    """The bus refuses them from everybody else, its rule from other accounts; the role may send nothing else."""
    resources = template()["Resources"]
    alone = {"StringEquals": {"events:source": CANARY}}
    refused = resources["CanariesPolicy"]["Properties"]["Statement"]
    assert (refused["Effect"], refused["Principal"], refused["Action"]) == ("Deny", "*", "events:PutEvents")
    role = {"ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": ["CanaryRole", "Arn"]}}}
    assert refused["Condition"] == alone | role
    (sends,) = [one for one in statements("CanaryRole") if one["Action"] == "events:PutEvents"]
    assert (sends["Condition"], sends["Resource"]) == (alone, {"Fn::GetAtt": ["Bus", "Arn"]})
    rule = resources["Canaries"]["Properties"]
    assert (rule["EventBusName"], rule["EventPattern"]) == (
        {"Ref": "Bus"},
        {"source": [CANARY], "account": [{"Ref": "AWS::AccountId"}]},
    )
    for name in ("CanariesPolicy", "Canaries", "Canary", "CanaryRole", "CanaryLogs", "CanariesAlarm"):
        assert resources[name]["Condition"] == "SendsCanaries"


def test_the_queue_takes_messages_from_each_of_its_senders_and_from_nobody_else() -> None:
    policy = of_type("AWS::SQS::QueuePolicy")["QueuePolicy"]["PolicyDocument"]["Statement"]
    allowed = {json.dumps(one["Condition"]) for one in (part.get("Fn::If", [0, part])[1] for part in policy)}
    senders = [
        {"Fn::Split": [",", {"Fn::GetAtt": ["Calls", "Outputs.RuleArns"]}]},
        {"Fn::GetAtt": ["CallsFromElsewhere", "Arn"]},
        {"Fn::GetAtt": ["Canaries", "Arn"]},
        {"Fn::GetAtt": ["NewObjects", "Arn"]},
        {"Fn::GetAtt": ["NewLogs", "Arn"]},
        {"Fn::GetAtt": ["Okta", "Arn"]},
        {"Ref": "TrailTopicArn"},
    ]
    assert allowed == {json.dumps({"ArnEquals": {"aws:SourceArn": one}}) for one in senders}
    for rule in ("CallsFromElsewhere", "NewObjects", "NewLogs", "Okta"):
        (target,) = of_type("AWS::Events::Rule")[rule]["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}


def test_messages_outlast_the_function_and_an_outage_and_end_in_the_dead_letter_queue() -> None:
    """And docs/aws.md says for how long."""
    queue, function = of_type("AWS::SQS::Queue")["Queue"], of_type("AWS::Lambda::Function")["Ingest"]
    redrive = queue["RedrivePolicy"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert redrive["maxReceiveCount"] >= 5
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    survived_seconds = redrive["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert survived_seconds < queue["MessageRetentionPeriod"]
    said = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    assert f"{redrive['maxReceiveCount']} × {queue['VisibilityTimeout']} s = {survived_seconds // 3600} hours" in said


def test_the_mapping_reports_single_failures_and_has_a_window_for_its_batch() -> None:
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10 or mapping["MaximumBatchingWindowInSeconds"] > 0


def test_each_handler_exists() -> None:
    for function in of_type("AWS::Lambda::Function").values():
        module, _, name = function["Handler"].rpartition(".")
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        assert f"\n{name} = handler_of(start())" in source
        assert function["Runtime"] == "python3.13"


def test_the_functions_are_given_the_variables_that_they_read_and_no_other() -> None:
    for function in of_type("AWS::Lambda::Function").values():
        assert set(function["Environment"]["Variables"]) == {one.name for one in AWS_VARIABLES}


def test_databases_of_addresses_come_in_a_layer_and_neither_is_named_without_the_other() -> None:
    for function in of_type("AWS::Lambda::Function").values():
        choice = {"Fn::If": ["HasAddressLayer", {"Ref": "AddressDatabaseLayer"}, {"Ref": "AWS::NoValue"}]}
        assert function["Layers"] == [choice]
        assert function["Environment"]["Variables"][ADDRESSES.name] == {"Ref": "AddressDatabases"}
    for rule, asked, needed in (
        ("ALayerIsNamed", "AddressDatabases", "AddressDatabaseLayer"),
        ("ItsFilesAreNamed", "AddressDatabaseLayer", "AddressDatabases"),
    ):
        stated = template()["Rules"][rule]
        assert {"Ref": asked} in stated["RuleCondition"]["Fn::Not"][0]["Fn::Equals"]
        assert {"Ref": needed} in stated["Assertions"][0]["Assert"]["Fn::Not"][0]["Fn::Equals"]


@pytest.mark.parametrize(
    ("named", "taken"),
    [("none", True), ("/opt/a.mmdb", True), ("/opt/a.mmdb:/opt/asn/b.mmdb", True), ("a.mmdb", False), ("", False)],
)
def test_the_template_takes_only_files_of_addresses_that_the_function_takes(named: str, *, taken: bool) -> None:
    pattern = template()["Parameters"]["AddressDatabases"]["AllowedPattern"]
    assert bool(re.search(pattern, named)) is taken
    assert (files(named) is not None) is taken


def test_the_table_is_the_one_that_the_store_expects() -> None:
    (table,) = of_type("AWS::DynamoDB::Table").values()
    assert table["KeySchema"] == list(schema.KEY_SCHEMA)
    assert table["AttributeDefinitions"] == list(schema.ATTRIBUTES)
    assert table["GlobalSecondaryIndexes"] == list(schema.INDEXES)
    assert table["BillingMode"] == schema.BILLING_MODE
    assert table["TimeToLiveSpecification"] == {"AttributeName": schema.TTL_ATTRIBUTE, "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def called() -> set[str]:
    """Methods of SDK clients that the adapters and handlers call."""
    files = [*(ROOT / "functions" / "aws").glob("*.py"), *(ROOT / "shared/firstseen/adapters/aws").glob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files if file.stem not in BY_HAND)
    assert not [one for one in BY_HAND if f"adapters.aws.{one}" in text]
    return set(re.findall(r"\b_?client\.([a-z_]+)\(", text))


def test_what_the_roles_allow_is_what_the_code_calls() -> None:
    assert called() - ONLY_ELSEWHERE == set(ACTIONS), "say in ACTIONS what the call needs, or that no function makes it"
    needed = {action for call in ACTIONS.values() for action in call}
    needed -= {"events:PutEvents"}
    history, rejects = {"cloudtrail:LookupEvents", "s3:PutObject"}, {"sqs:SendMessage"}
    telling, looking = {"sns:Publish", "dynamodb:UpdateItem"}, {"dynamodb:Query"}
    by_all = BY_LAMBDA | BY_ENCRYPTION
    assert actions("IngestRole") == (needed - history - looking) | BY_AWS | by_all
    assert actions("SweepRole") == (needed - history - rejects) | by_all
    state = {"dynamodb:BatchGetItem", "dynamodb:PutItem"}
    packs = {"s3:GetObject", "s3:ListBucket"}
    assert actions("CanaryRole") == state | packs | {"events:PutEvents"} | by_all
    assert actions("BaselineRole") == (needed - rejects - telling - looking) | by_all


def test_a_star_as_a_resource_has_its_reason_beside_it() -> None:
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    stars = [line for line in lines if re.search(r'Resource: "?\*"?', line)]
    assert stars
    assert all("# " in line for line in stars)
    for role in ("IngestRole", "SweepRole", "BaselineRole", "CanaryRole"):
        assert {one["Action"] for one in statements(role) if one["Resource"] == "*"} <= NO_RESOURCE
        assert not [action for action in actions(role) if "*" in action]


def test_each_alarm_watches_something_that_exists_tells_somebody_and_is_explained() -> None:
    said = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    handlers = "".join(
        (ROOT / "functions/aws" / name).read_text(encoding="utf-8")
        for name in ("ingest.py", "sweep.py", "wiring.py", "canary.py")
    )
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) == 14
    for name, alarm in alarms.items():
        assert f"`{name}`" in said, f"docs/aws.md does not explain {name}"
        assert alarm["AlarmActions"] == [{"Ref": "Findings"}]
        if alarm["Namespace"] == "firstseen":
            assert f'"{alarm["MetricName"]}"' in handlers
            assert alarm["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]


def test_one_call_for_canaries_that_fails_is_told() -> None:
    """It is called once an hour, and the next call may go well."""
    alarm = of_type("AWS::CloudWatch::Alarm")["CanaryErrorsAlarm"]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", 3600, 1)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert of_type("AWS::Events::Rule")["CanarySchedule"]["ScheduleExpression"] == "rate(1 hour)"


@pytest.mark.parametrize("name", ["Ingest", "Sweep", "Baseline", "Canary"])
def test_logs_end_and_have_a_group_of_their_own(name: str) -> None:
    function = of_type("AWS::Lambda::Function")[name]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
    assert of_type("AWS::Logs::LogGroup")[f"{name}Logs"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_package_is_where_make_puts_it() -> None:
    """One name in the template and in the build."""
    written = re.search(r"CodeUri: (\S+)", TEMPLATE.read_text(encoding="utf-8"))
    assert written is not None
    code = "from infra.aws.build import Target; print(Target('arm64').zip_name)"
    named = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True)  # noqa: PLW1510
    assert written[1] == f"build/aws/{named.stdout.strip()}"
