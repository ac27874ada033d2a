"""Whose keys encrypt what: the services' own and one of the stack, or one of the customer's for everything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.emulators import ROOT
from tests.infra.conditions import chosen
from tests.infra.templates import Template, needs_infra, run, transformed

pytestmark = needs_infra

THEIRS = "arn:aws:kms:eu-central-1:111122223333:key/0d990263-018e-4065-a703-eff731de951e"

FORMS: dict[str, dict[str, str]] = {
    "own": {},
    "theirs": {"KmsKeyArn": THEIRS},
    "theirs-by-topic": {
        "KmsKeyArn": THEIRS,
        "TrailPath": "topic",
        "TrailBucketName": "their-trail",
        "TrailTopicArn": "arn:aws:sns:eu-central-1:111122223333:trail",
    },
}

KEYS = {
    "AWS::CloudTrail::Trail": "KMSKeyId",
    "AWS::DynamoDB::Table": "KMSMasterKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::S3::Bucket": "KMSMasterKeyID",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
}
"""What holds something, and how it names the key."""

BY_THE_STACK = {"AWS::CloudTrail::Trail", "AWS::S3::Bucket", "AWS::SNS::Topic"}
"""What has the stack's key when there is no other. The rest has those of the services."""

WITHOUT_A_KEY = {"CKV_AWS_27", "CKV_AWS_119", "CKV_AWS_158", "CKV_AWS_173"}
"""Checks for a key that are skipped, because by default there is none."""


@cache
def form(name: str) -> Template:
    return chosen(transformed(), FORMS[name])


def keys(name: str) -> Iterator[tuple[str, object]]:
    """Type and key of each resource that holds something; None: it names none."""
    for one in form(name)["Resources"].values():
        if one["Type"] in KEYS:
            yield one["Type"], next(_named(one["Properties"], KEYS[one["Type"]]), None)


def _named(part: object, name: str) -> Iterator[object]:
    if isinstance(part, dict):
        if name in part:
            yield part[name]
        for below in part.values():
            yield from _named(below, name)
    elif isinstance(part, list):
        for below in part:
            yield from _named(below, name)


def test_without_a_key_of_theirs_findings_rules_and_trail_have_the_stacks_and_the_rest_the_services() -> None:
    own = {"Fn::GetAtt": ["Key", "Arn"]}
    found = {(kind, json.dumps(key)) for kind, key in keys("own")}
    assert found == {(kind, json.dumps(own if kind in BY_THE_STACK else None)) for kind in KEYS}
    resources = form("own")["Resources"]
    queues = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::SQS::Queue"]
    assert [one.get("SqsManagedSseEnabled") for one in queues] == [True] * 3


def test_the_table_has_a_key_that_nobody_is_charged_for_unless_they_bring_one() -> None:
    """Told nothing or *false*, DynamoDB encrypts all the same; *true* is a key whose every use is charged."""
    own, theirs = (form(name)["Resources"]["State"]["Properties"]["SSESpecification"] for name in ("own", "theirs"))
    assert own == {"SSEEnabled": False}
    assert theirs == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}


@pytest.mark.parametrize("name", ["theirs", "theirs-by-topic"])
def test_with_a_key_of_theirs_everything_has_it_and_no_other_is_made(name: str) -> None:
    trail = {"AWS::CloudTrail::Trail"} if name == "theirs-by-topic" else set()
    assert {kind for kind, _ in keys(name)} == set(KEYS) - trail
    assert {json.dumps(key) for _, key in keys(name)} == {json.dumps({"Ref": "KmsKeyArn"})}
    resources = form(name)["Resources"]
    assert not [one for one in resources.values() if one["Type"] == "AWS::KMS::Key"]
    assert "Key" not in set(re.findall(r'"Fn::GetAtt": \["(\w+)"', json.dumps(resources)))
    queues = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::SQS::Queue"]
    assert not [one for one in queues if "SqsManagedSseEnabled" in one], "SQS refuses both"


def test_every_role_may_use_the_key_that_is_in_force_and_no_other() -> None:
    for name, key in (("own", {"Fn::GetAtt": ["Key", "Arn"]}), ("theirs", {"Ref": "KmsKeyArn"})):
        roles = [one for one in form(name)["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
        assert len(roles) >= 3
        for one in roles:
            (policy,) = one["Properties"]["Policies"]
            asked = [part for part in policy["PolicyDocument"]["Statement"] if "kms:" in json.dumps(part["Action"])]
            assert [part["Resource"] for part in asked] == [key]


def test_the_stacks_key_outlives_the_stack_as_the_buckets_do_that_nobody_could_read_without_it() -> None:
    resources = form("own")["Resources"]
    for name in ("Key", "Packs", "TrailBucket"):
        assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_with_a_key_of_theirs_linters_find_nothing_and_no_check_for_a_key_is_skipped(tmp_path: Path) -> None:
    """The other form is the one by default, which they read in the template itself."""
    template = json.loads(json.dumps(form("theirs")))
    template["Resources"]["Calls"]["Properties"]["TemplateURL"] = "https://bucket.s3.eu-central-1.amazonaws.com/calls"
    template["Parameters"]["KmsKeyArn"]["Default"] = THEIRS
    for one in template["Resources"].values():
        checkov = one.get("Metadata", {}).get("checkov", {})
        checkov["skip"] = [skip for skip in checkov.get("skip", ()) if skip["id"] not in WITHOUT_A_KEY]
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template), encoding="utf-8")
    unused = "W2001"  # parameters that only conditions asked for, which are answered
    linted = run("cfn-lint", "--ignore-checks", unused, "--", str(file))
    assert linted.returncode == 0, linted.stdout + linted.stderr
    done = run("checkov", "--framework", "cloudformation", "--skip-download", "-f", str(file), "-o", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert [one["check_id"] for one in report["results"]["failed_checks"]] == []
    assert {one["check_id"] for one in report["results"]["passed_checks"]} >= WITHOUT_A_KEY


def said_policy() -> dict[str, Any]:
    """The key's policy that docs/aws.md has, for the test's account."""
    section = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").split("## A key of your own\n")[1]
    text = section.split("```json\n")[1].split("```")[0]
    named = text.replace("ACCOUNT", "111122223333").replace("REGION", "eu-central-1").replace("STACK", "firstseen")
    policy: dict[str, Any] = json.loads(named)
    return policy


def _services(statements: list[dict[str, Any]]) -> set[str]:
    named = [one["Principal"].get("Service", []) for one in statements if isinstance(one["Principal"], dict)]
    return {service for one in named for service in ([one] if isinstance(one, str) else one)}


def test_the_policy_that_the_documentation_has_lets_every_service_use_the_key_that_writes_in_its_own_name() -> None:
    """Those that the policies of queues, topic and trail name, and the one that keeps logs."""
    senders: set[str] = set()
    for name in FORMS:
        for one in form(name)["Resources"].values():
            if one["Type"] in {"AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"}:
                senders |= _services(one["Properties"]["PolicyDocument"]["Statement"])
    assert len(senders) == 4
    statements = said_policy()["Statement"]
    assert _services(statements) == senders | {"logs.eu-central-1.amazonaws.com"}
    writing = [one for one in statements if "Service" in one["Principal"]]
    assert all({"kms:GenerateDataKey", "kms:GenerateDataKey*"} & set(one["Action"]) for one in writing)


def test_the_policy_that_the_documentation_has_is_one_that_linters_accept(tmp_path: Path) -> None:
    """And it says what the stack's own key says to those whom both name."""
    file = tmp_path / "key.json"
    key = {"Type": "AWS::KMS::Key", "Properties": {"EnableKeyRotation": True, "KeyPolicy": said_policy()}}
    held = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    file.write_text(json.dumps({"Resources": {"Key": key | held}}), encoding="utf-8")
    linted = run("cfn-lint", "--", str(file))
    assert linted.returncode == 0, linted.stdout + linted.stderr
    own = form("own")["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    said = {one["Sid"]: one for one in said_policy()["Statement"]}
    assert {one["Sid"]: one["Action"] for one in own} == {one["Sid"]: said[one["Sid"]]["Action"] for one in own}


@pytest.mark.parametrize(
    ("named", "taken"),
    [
        ("", True),
        (THEIRS, True),
        (THEIRS.replace("0d990263", "mrk-0d990263"), True),
        (THEIRS.replace("arn:aws:", "arn:aws-us-gov:"), True),
        ("alias/mine", False),
        (THEIRS.replace("key/", "alias/"), False),
        (THEIRS + "\n", False),
        (THEIRS + " ", False),
    ],
)
def test_the_key_is_named_by_its_arn(named: str, *, taken: bool) -> None:
    """An alias can be moved, and no policy can name it."""
    pattern = transformed()["Parameters"]["KmsKeyArn"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, named)) is taken
