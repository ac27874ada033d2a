"""The log source ``aws.cloudtrail``: management, data and network activity events, console sign-ins,
insights.
"""

from __future__ import annotations

from types import MappingProxyType

from firstseen.sources.cloudtrail_names import COMMON_NAMES, ECS_NAMES, KNOWN_FIELDS
from firstseen.sources.cloudtrail_values import when
from firstseen.sources.source import Source, View
from firstseen.sources.times import read_time


def recognise(view: View) -> bool:
    """True for a CloudTrail event.

    Notifications of S3, DynamoDB, Kinesis and SQS carry the same two names, with a source such as ``aws:s3``.
    Insight events carry neither name at the top.
    """
    source = view.get("eventSource")
    if isinstance(source, str) and isinstance(view.get("eventName"), str):
        return not source.startswith("aws:")
    return view.get("eventType") == "AwsCloudTrailInsight"


def event_id(view: View) -> str | None:
    """``eventID``: the same in every copy that trails, buses and lookups deliver."""
    found = view.get("eventID")
    return found if isinstance(found, str) and found else None


def time_us(view: View) -> int | None:
    """``eventTime``, else the ``@timestamp`` that some collectors put in its place."""
    found = read_time(when(view))
    return None if found is None else found.us


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: no userIdentity, a time that names no zone or stands in another field."""
    found = []
    if not isinstance(view.get("userIdentity"), dict):
        found.append("no userIdentity: rules that ask who acted cannot match")
    if view.get("eventTime") is None:
        found.append("no eventTime: @timestamp serves")
    text = when(view)
    if isinstance(text, str) and text[-1:] not in "Zz" and (time := read_time(text)) is not None and not time.zoned:
        found.append("the time names no zone: taken as UTC")
    return tuple(found)


SAMPLE: View = {
    "eventVersion": "1.11",
    "userIdentity": {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEROLE000001:ci-7421",
        "arn": "arn:aws:sts::111122223333:assumed-role/deploy/ci-7421",
        "accountId": "111122223333",
        "accessKeyId": "ASIAEXAMPLEKEY000001",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEROLE000001",
                "arn": "arn:aws:iam::111122223333:role/deploy",
                "accountId": "111122223333",
                "userName": "deploy",
            },
            "attributes": {"creationDate": "2026-03-02T09:12:44Z", "mfaAuthenticated": "false"},
        },
    },
    "eventTime": "2026-03-02T09:15:02Z",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "StopInstances",
    "awsRegion": "eu-central-1",
    "sourceIPAddress": "198.51.100.24",
    "userAgent": "aws-cli/2.22.7 md/awscrt#0.23.4 ua/2.0 os/linux#6.8.0 lang/python#3.12.6",
    "requestParameters": {"instancesSet": {"items": [{"instanceId": "i-0a1b2c3d4e5f60718"}]}, "force": False},
    "responseElements": {
        "requestId": "5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
        "instancesSet": {
            "items": [
                {
                    "instanceId": "i-0a1b2c3d4e5f60718",
                    "currentState": {"code": 64, "name": "stopping"},
                    "previousState": {"code": 16, "name": "running"},
                },
            ],
        },
    },
    "requestID": "5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
    "eventID": "8b3f6c1e-2f57-4a8e-9d6b-0c1d2e3f4a5b",
    "readOnly": False,
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "recipientAccountId": "111122223333",
    "eventCategory": "Management",
    "tlsDetails": {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": "ec2.eu-central-1.amazonaws.com",
    },
}

CLOUDTRAIL = Source(
    name="aws.cloudtrail",
    logsource=MappingProxyType({"product": "aws", "service": "cloudtrail"}),
    dataset="aws.cloudtrail",
    provider="AWS",
    index=("eventName", "eventSource"),
    # With eventID a decoder cannot take notifications of S3 (no id) or of streams (no time) for CloudTrail's.
    required=("eventName", "eventSource", "eventTime", "eventID"),
    recognise=recognise,
    event_id=event_id,
    # Not sharedEventID: the two records of a cross-account call differ in account and identity, and grouping
    # by account would then depend on which of them came first.
    operation_id=event_id,
    time=time_us,
    common=COMMON_NAMES,
    ecs=ECS_NAMES,
    caseless=frozenset(),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='eventTime as in "2026-03-02T09:15:02Z"',
)
