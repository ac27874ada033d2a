"""The computed values of a CloudTrail event: who, what, whether it worked, upon what.

Every function is total: on any JSON object it answers, with None for what it cannot make. Users choose what
stands in ``requestParameters``, services what stands in the rest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.sources.source import View

MAX_RESOURCES = 100
_MAX_TEXT_DEPTH = 300

RESOURCE_PARAMETERS = (
    "instanceId", "roleArn", "roleName", "userName", "groupName", "policyArn", "bucketName",
    "functionName", "secretId", "keyId", "groupId", "dBInstanceIdentifier", "dBClusterIdentifier",
    "trailName", "snapshotId", "volumeId", "imageId", "vpcId", "clusterName", "repositoryName",
    "tableName", "queueUrl", "topicArn", "stackName", "documentName", "detectorId", "accountId",
    "resourceArn", "arn", "name", "id",
)  # fmt: skip
"""Request parameters that name what a call acts upon, the most telling first."""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def actor(view: View) -> str | None:
    """The stable identity that acted: for a session its role, for a service its name, else the ARN."""
    identity = _object(view.get("userIdentity"))
    issuer = _object(_object(identity.get("sessionContext")).get("sessionIssuer"))
    found = _text(issuer.get("arn"))
    if found:
        return found
    if identity.get("type") == "AWSService":
        return _text(identity.get("invokedBy"))
    arn = _text(identity.get("arn"))
    if arn:
        return _role_of(arn)
    for name in ("userName", "principalId", "invokedBy", "accountId"):
        found = _text(identity.get(name))
        if found:
            return found
    return None


def _role_of(arn: str) -> str:
    """``arn:aws:sts::1:assumed-role/R/session`` as its role; the role's path is not in a session's ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):  # noqa: PLR2004 - an ARN has 6
        return arn
    role = parts[5].split("/")[1]
    return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{role}"


def action(view: View) -> str | None:
    """The call as IAM policies write it: ``ec2:GetPasswordData``."""
    name = _text(view.get("eventName"))
    source = _text(view.get("eventSource"))
    if name is None or source is None:
        return name
    return f"{source.partition('.')[0]}:{name}"


def outcome(view: View) -> str:
    """``success`` or ``failure``; for a console sign-in what the response says, in lower case."""
    if view.get("eventName") == "ConsoleLogin":
        said = _text(_object(view.get("responseElements")).get("ConsoleLogin"))
        if said:
            return said.lower()
    return "failure" if view.get("errorCode") or view.get("errorMessage") else "success"


def account(view: View) -> str | None:
    """The account that holds the log, else the caller's."""
    return _text(view.get("recipientAccountId")) or _text(_object(view.get("userIdentity")).get("accountId"))


def when(view: View) -> Any:
    """The time as the event writes it; some collectors rename it to ``@timestamp``."""
    found = view.get("eventTime")
    return view.get("@timestamp") if found is None else found


def address(view: View) -> str | None:
    """``sourceIPAddress`` when it is an address; it may be a service's name."""
    value = _text(view.get("sourceIPAddress"))
    if value is None:
        return None
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return None
    return value


def user_name(view: View) -> str | None:
    """The user's name, else the name of the session's role."""
    identity = _object(view.get("userIdentity"))
    issuer = _object(_object(identity.get("sessionContext")).get("sessionIssuer"))
    return _text(identity.get("userName")) or _text(issuer.get("userName"))


def mfa_used(view: View) -> bool | None:
    """Whether a console sign-in says that a second factor was used."""
    said = _object(view.get("additionalEventData")).get("MFAUsed")
    return said != "No" if isinstance(said, str) else None


def resource(view: View) -> str | list[str] | None:
    """What was acted upon, as far as the event names it: ``resources``, then the request's parameters."""
    found = list(dict.fromkeys(_listed(view.get("resources"))))
    if not found:
        found = list(dict.fromkeys(_requested(_object(view.get("requestParameters")))))
    if not found:
        return None
    return found[0] if len(found) == 1 else found


def _listed(resources: object) -> Iterator[str]:
    if isinstance(resources, list):
        for one in resources[:MAX_RESOURCES]:
            found = _object(one)
            arn = _text(found.get("ARN")) or _text(found.get("arn"))
            if arn:
                yield arn


def _requested(parameters: Mapping[str, Any]) -> Iterator[str]:
    for name in RESOURCE_PARAMETERS:
        found = _text(parameters.get(name))
        if found:
            key = _text(parameters.get("key")) if name == "bucketName" else None
            yield f"{found}/{key}" if key else found
            return
    items = _object(parameters.get("instancesSet")).get("items")
    if isinstance(items, list):
        for one in items[:MAX_RESOURCES]:
            found = _text(_object(one).get("instanceId"))
            if found:
                yield found


def java_text(value: object) -> str | None:
    """A value as Java prints a map, ``{a=b, c=[d, e]}``, nulls and empty values dropped; None when nothing is
    left.

    Elastic keeps CloudTrail's free-form objects as such text, and its rules look for pieces of it.
    """
    return _java(value, 0)


def _java(value: object, depth: int) -> str | None:
    if depth > _MAX_TEXT_DEPTH:
        return "…"
    if value is None or value in ("", [], {}):
        return None
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            pairs = ((key, _java(one, depth + 1)) for key, one in value.items())
            inner = ", ".join(f"{key}={text}" for key, text in pairs if text is not None)
            return f"{{{inner}}}" if inner else None
        case list():
            inner = ", ".join(text for one in value if (text := _java(one, depth + 1)) is not None)
            return f"[{inner}]" if inner else None
        case _:
            return str(value)
