"""What names mean in a CloudTrail event."""

from __future__ import annotations

from typing import cast

import pytest

from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.cloudtrail_values import java_text
from firstseen.sources.source import COMMON, Derived, View

SAMPLE = CLOUDTRAIL.sample


def value(name: str, view: object = SAMPLE, vocabulary: str = "common") -> object:
    accessor = CLOUDTRAIL.accessor(name, vocabulary=vocabulary)
    if isinstance(accessor, Derived):
        return accessor.function(cast("View", view))
    for key in accessor:
        view = view.get(key) if isinstance(view, dict) else None
    return view


def ecs(name: str, view: object = SAMPLE) -> object:
    return value(name, view, "ecs")


def test_the_common_vocabulary_is_complete_and_reads_the_sample() -> None:
    assert {name: value(name) for name in COMMON} == {
        "actor": "arn:aws:iam::111122223333:role/deploy",
        "action": "ec2:StopInstances",
        "outcome": "success",
        "source.ip": "198.51.100.24",
        "account": "111122223333",
        "region": "eu-central-1",
        "resource": "i-0a1b2c3d4e5f60718",
        "user_agent": SAMPLE["userAgent"],
        "time": "2026-03-02T09:15:02Z",
        "id": SAMPLE["eventID"],
    }


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "arn:aws:iam::1:root"),
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/a", "userName": "a"}, "arn:aws:iam::1:user/a"),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com"),
        ({"type": "AssumedRole", "arn": "arn:aws-cn:sts::1:assumed-role/R/s"}, "arn:aws-cn:iam::1:role/R"),
        ({"type": "AWSAccount", "principalId": "AIDA:x", "accountId": "1"}, "AIDA:x"),
        ({"type": "IAMUser", "userName": "HIDDEN", "arn": ""}, "HIDDEN"),
        ({}, None), (None, None), ("text", None), ({"arn": 5, "sessionContext": []}, None),
    ],
)  # fmt: skip
def test_the_actor_is_the_stable_identity(identity: object, actor: str | None) -> None:
    assert value("actor", {"userIdentity": identity}) == actor


@pytest.mark.parametrize(
    ("view", "outcome"),
    [
        ({}, "success"), ({"errorCode": ""}, "success"), ({"errorCode": "AccessDenied"}, "failure"),
        ({"errorMessage": "no"}, "failure"),
        ({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, "failure"),
        ({"eventName": "ConsoleLogin", "responseElements": None, "errorMessage": "x"}, "failure"),
        ({"eventName": "Other", "responseElements": {"ConsoleLogin": "Failure"}}, "success"),
    ],
)  # fmt: skip
def test_outcomes(view: object, outcome: str) -> None:
    assert value("outcome", view) == ecs("event.outcome", view) == outcome


@pytest.mark.parametrize(
    ("view", "resource"),
    [
        ({"resources": [{"ARN": "arn:1"}, {"ARN": "arn:1"}, {"arn": "arn:2"}, 5]}, ["arn:1", "arn:2"]),
        ({"requestParameters": {"bucketName": "b", "key": "k"}}, "b/k"),
        ({"requestParameters": {"name": "n", "roleName": "r"}}, "r"),
        ({"requestParameters": "text"}, None),
    ],
)
def test_resources(view: object, resource: object) -> None:
    assert value("resource", view) == resource


def test_elastics_names_read_the_sample() -> None:
    assert ecs("event.dataset") == ecs("data_stream.dataset") == "aws.cloudtrail"
    assert ecs("event.provider") == "ec2.amazonaws.com"
    assert ecs("event.action") == "StopInstances"
    assert ecs("@timestamp") == SAMPLE["eventTime"]
    assert ecs("cloud.account.id") == "111122223333"
    assert ecs("user.name") == "deploy"
    assert ecs("source.ip") == ecs("source.address") == "198.51.100.24"
    assert ecs("tls.client.server_name") == "ec2.eu-central-1.amazonaws.com"
    assert ecs("aws.cloudtrail.read_only") is False
    assert ecs("aws.cloudtrail.user_identity.session_context.session_issuer.arn") == value("actor")
    assert ecs("aws.cloudtrail.flattened.request_parameters.force") is False
    assert ecs("aws.cloudtrail.request_parameters") == (
        "{instancesSet={items=[{instanceId=i-0a1b2c3d4e5f60718}]}, force=false}"
    )


def test_a_source_address_that_is_a_name_is_no_ip() -> None:
    for text in ("autoscaling.amazonaws.com", "AWS Internal", "007.1.2.3", "", None, 5):
        assert ecs("source.ip", {"sourceIPAddress": text}) is None


def test_mfa_is_unused_only_when_the_event_says_no() -> None:
    name = "aws.cloudtrail.console_login.additional_eventdata.mfa_used"
    assert ecs(name, {"additionalEventData": {"MFAUsed": "No"}}) is False
    assert ecs(name, {"additionalEventData": {"MFAUsed": "Yes"}}) is True
    assert ecs(name, {}) is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"a": "b", "c": ["d", 5, True]}, "{a=b, c=[d, 5, true]}"), ({"a": None, "b": {}, "c": ""}, None),
        ({"a": {"b": [None, {}]}, "x": 1.5}, "{x=1.5}"), ("text", "text"), (None, None), ([], None),
    ],
)  # fmt: skip
def test_objects_become_text_as_java_prints_maps(given: object, text: str | None) -> None:
    assert java_text(given) == text


def test_known_fields_are_closed_but_where_calls_put_their_own() -> None:
    for name in ("userIdentity.sessionContext.sessionIssuer.arn", "requestParameters.a.b", "tlsDetails.cipherSuite"):
        assert CLOUDTRAIL.knows(name), name
        assert CLOUDTRAIL.accessor(name) == tuple(name.split("."))
    for name in ("user_identity.arn", "userIdentity.ARN", "eventname", "tlsDetails.x", "requestParametersX.a"):
        assert not CLOUDTRAIL.knows(name), name


def test_every_field_of_the_sample_is_known() -> None:
    def paths(value: object, prefix: str = "") -> list[str]:
        if not isinstance(value, dict):
            return [prefix]
        return [one for key, inner in value.items() for one in paths(inner, f"{prefix}.{key}".lstrip("."))]

    assert [name for name in paths(SAMPLE) if not CLOUDTRAIL.knows(name)] == []
    assert all(isinstance(SAMPLE[name], str) for name in (*CLOUDTRAIL.required, *CLOUDTRAIL.index))
    assert CLOUDTRAIL.recognise(SAMPLE)
