"""Fifty-seven rules of the kind that people write for CloudTrail, to measure with.

Forty-six name one or a few calls and nothing else. Seven ask more of the call: who, by what, with what in the
parameters, but for whom. Four name no call, so they are asked of every event. Few calls of a company are among
them, as it should be, and one is: a rule that holds for three of four events.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CALLS = {
    "cloudtrail": ("DeleteTrail", "StopLogging UpdateTrail", "PutEventSelectors", "DeleteEventDataStore"),
    "config": ("DeleteConfigRule", "StopConfigurationRecorder DeleteDeliveryChannel", "DeleteConfigurationRecorder"),
    "ec2": (
        "GetPasswordData", "DeleteFlowLogs", "ModifySnapshotAttribute", "AuthorizeSecurityGroupIngress",
        "CreateInternetGateway AttachInternetGateway", "DisableEbsEncryptionByDefault", "ExportImage CreateImage",
        "CreateTrafficMirrorSession", "ModifyInstanceAttribute", "ReplaceIamInstanceProfileAssociation",
        "DeleteVpc DeleteSubnet DeleteRouteTable",
    ),
    "ecs": ("CreateCluster", "DeregisterTaskDefinition"),
    "eks": ("DeleteCluster", "CreateAccessEntry AssociateAccessPolicy"),
    "guardduty": ("DeleteDetector", "CreateIPSet UpdateIPSet", "DisassociateFromMasterAccount"),
    "iam": (
        "CreateAccessKey", "CreateLoginProfile UpdateLoginProfile", "AttachUserPolicy AttachRolePolicy",
        "DeactivateMFADevice DeleteVirtualMFADevice", "UpdateAssumeRolePolicy", "CreateSAMLProvider",
        "CreateOpenIDConnectProvider", "PutUserPolicy PutRolePolicy PutGroupPolicy", "AddUserToGroup",
    ),
    "kms": ("ScheduleKeyDeletion DisableKey", "PutKeyPolicy"),
    "lambda": ("AddPermission20150331v2", "CreateFunctionUrlConfig"),
    "organizations": ("LeaveOrganization", "DetachPolicy"),
    "rds": ("ModifyDBSnapshotAttribute", "DeleteDBCluster DeleteDBInstance"),
    "s3": ("PutBucketPolicy", "DeleteBucketReplication PutBucketLogging"),
    "securityhub": ("DisableSecurityHub",),
    "wafv2": ("DeleteWebACL",),
}  # fmt: skip
"""Service → one rule each: the calls that it names."""

Selections = Mapping[str, object]

ASKING_MORE: tuple[Selections, ...] = (
    {"selection": {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
                   "responseElements.ConsoleLogin": "Failure"}},
    {"selection": {"eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin"},
     "filter": {"additionalEventData.MFAUsed": "Yes"}, "condition": "selection and not filter"},
    {"selection": {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
                   "requestParameters|contains|all": ["roleArn", "admin"]}},
    {"selection": {"eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
                   "userAgent|contains": ["aws-cli", "powershell"]}},
    {"selection": {"eventSource": "ssm.amazonaws.com", "eventName|startswith": "SendCommand",
                   "requestParameters.documentName|contains": "RunShellScript"}},
    {"selection": {"eventSource": "ec2.amazonaws.com", "eventName": "RunInstances"},
     "selection_error": {"errorCode": ["Client.UnauthorizedOperation", "Client.InstanceLimitExceeded"]},
     "condition": "selection and selection_error"},
    {"selection": {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"},
     "filter": {"userIdentity.arn|contains": ":assumed-role/provisioning/"}, "condition": "selection and not filter"},
)  # fmt: skip
NAMING_NO_CALL: tuple[Selections, ...] = (
    {"selection": {"userIdentity.type": "Root"}, "filter": {"eventType": "AwsServiceEvent"},
     "condition": "selection and not filter"},
    {"selection": {"userIdentity.arn|re": ".+:assumed-role/aws:.+"}},
    {"selection": {"userAgent|contains": ["kali", "pentoo", "parrot"]}},
    {"selection": {"userIdentity.sessionContext.sessionIssuer.type": "Role"},
     "filter": {"userAgent|startswith": "Mozilla/"}, "condition": "selection and not filter"},
)  # fmt: skip


def selections() -> Iterator[Selections]:
    """What the rules ask for, one rule each."""
    for service, rules in CALLS.items():
        for calls in rules:
            yield {"selection": {"eventSource": f"{service}.amazonaws.com", "eventName": calls.split()}}
    yield from ASKING_MORE
    yield from NAMING_NO_CALL


def document(number: int, detection: Selections) -> dict[str, Any]:
    """A Sigma rule; its id is the same in each run."""
    return {
        "title": f"Comparable rule {number}",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"firstseen:benchmark:{number}")),
        "status": "test",
        "logsource": {"product": "aws", "service": "cloudtrail"},
        "detection": {"condition": "selection", **detection},
        "level": "low",
    }


def write(folder: Path) -> None:
    """One file a rule."""
    for number, detection in enumerate(selections(), 1):
        (folder / f"{number:02}.yml").write_text(yaml.safe_dump(document(number, detection), sort_keys=False))
