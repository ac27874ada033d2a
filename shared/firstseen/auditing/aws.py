"""What CloudTrail shows of rights, commands and credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.auditing.acts import Act, Command, Credential, Grant, Outcome, Rank, Sensitive, SignIn, Within
from firstseen.auditing.aws_policies import rank_of_document, rank_of_name
from firstseen.sources.source import View

COMMANDS = frozenset((
    "ssm:SendCommand", "ssm:StartSession", "ssm:ResumeSession", "ssm:StartAutomationExecution",
    "ssm:StartChangeRequestExecution", "ssm:CreateAssociation", "ssm:CreateAssociationBatch", "ssm:UpdateAssociation",
    "ssm:StartAssociationsOnce", "ecs:ExecuteCommand", "ec2-instance-connect:SendSSHPublicKey",
    "ec2-instance-connect:SendSerialConsoleSSHPublicKey", "ec2-instance-connect:OpenTunnel",
))  # fmt: skip

SENSITIVE = frozenset((
    "iam:CreateUser", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:AttachUserPolicy",
    "iam:AttachRolePolicy", "iam:AttachGroupPolicy", "iam:PutUserPolicy", "iam:PutRolePolicy", "iam:PutGroupPolicy",
    "iam:AddUserToGroup", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy",
    "iam:CreateSAMLProvider", "iam:UpdateSAMLProvider", "iam:CreateOpenIDConnectProvider", "iam:DeactivateMFADevice",
    "sso:CreateAccountAssignment", "sso:AttachManagedPolicyToPermissionSet", "organizations:CreateAccount",
    "organizations:LeaveOrganization", "cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail",
    "cloudtrail:PutEventSelectors", "guardduty:DeleteDetector", "config:StopConfigurationRecorder",
    "config:DeleteConfigurationRecorder",
))  # fmt: skip
"""Reading secrets is not among them: every workload does."""

_LASTING = "AKIA"
MAX_MACHINES = 200

_HOLDERS = (("userName", "user"), ("roleName", "role"), ("groupName", "group"))


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


class CloudTrailReader:
    """See :class:`firstseen.auditing.acts.Reader`."""

    def principal(self, actor: str) -> str:
        """The ARN without a path: grants name a role or user without it, and names are unique in an account."""
        return without_path(actor)

    def acts(self, view: View, action: str, actor: str, outcome: Outcome) -> Iterator[Act]:
        """Commands, grants, credentials, sign-ins with one factor."""
        identity = _map(view.get("userIdentity"))
        asked = _map(view.get("requestParameters"))
        key = _text(identity.get("accessKeyId"))
        if key.startswith(_LASTING):
            yield Credential(key, "access key", actor)
        yield from _named_administrator(identity, actor)
        if action in COMMANDS:
            yield Command(_person(identity, actor), _machines(asked))
        if outcome != "success":
            return
        if action in SENSITIVE or action in COMMANDS:
            yield Sensitive()
        if action == "signin:ConsoleLogin":
            yield from _sign_in(view, identity)
        elif action.startswith("iam:"):
            yield from _iam(action.removeprefix("iam:"), view, asked, identity)
        elif action.startswith("sso:"):
            yield from _sso(action.removeprefix("sso:"), asked)


def without_path(arn: str) -> str:
    """``arn:aws:iam::1:role/path/NAME`` as ``arn:aws:iam::1:role/NAME``; anything else as it stands."""
    head, found, rest = arn.partition(":role/")
    kind = ":role/"
    if not found:
        head, found, rest = arn.partition(":user/")
        kind = ":user/"
    return f"{head}{kind}{rest.rpartition('/')[2]}" if found and head.startswith("arn:") else arn


def _person(identity: Mapping[str, Any], actor: str) -> str:
    """The principal; of a session that is named like a mail address, with it: that is a person."""
    session = _text(identity.get("principalId")).partition(":")[2]
    return f"{actor} as {session}" if "@" in session else actor


def _named_administrator(identity: Mapping[str, Any], actor: str) -> Iterator[Act]:
    """The root user, and roles that AWS or people call administrator."""
    if identity.get("type") == "Root":
        yield Grant(("aws", actor, "root"), actor, "the root user", "administrator", how="used")
    elif "administrator" in (name := actor.rpartition("/")[2]).casefold() and ":role/" in actor:
        yield Grant(("aws", actor, "named"), actor, f"by its name: {name}", "administrator", how="used")


def _machines(asked: Mapping[str, Any]) -> tuple[str, ...]:
    found = [_text(asked.get(name)) for name in ("target", "instanceId", "name", "task")]
    ids = asked.get("instanceIds")
    found += [_text(one) for one in ids[:MAX_MACHINES]] if isinstance(ids, list) else []
    targets = asked.get("targets")
    for one in targets[:MAX_MACHINES] if isinstance(targets, list) else []:
        values = _map(one).get("values")
        key = _text(_map(one).get("key"))
        prefix = "" if key in {"InstanceIds", "instanceids", ""} else f"{key}="
        found += [prefix + _text(value) for value in values[:MAX_MACHINES]] if isinstance(values, list) else []
    return tuple(dict.fromkeys(one for one in found if one))


def _sign_in(view: View, identity: Mapping[str, Any]) -> Iterator[Act]:
    """Federated sign-ins have their second factor at the identity provider, and the log always says No."""
    used = _map(view.get("additionalEventData")).get("MFAUsed")
    if used == "No" and identity.get("type") in {"IAMUser", "Root"}:
        yield SignIn("the AWS console")


def _iam(call: str, view: View, asked: Mapping[str, Any], identity: Mapping[str, Any]) -> Iterator[Act]:
    account = _text(view.get("recipientAccountId")) or _text(identity.get("accountId"))
    partition = next(iter(_text(identity.get("arn")).split(":", 2)[1:]), "") or "aws"
    prefix = f"arn:{partition}:iam::{account}:"
    if call in {"CreateAccessKey", "DeleteAccessKey"}:
        yield from _access_key(call, view, asked, prefix)
        return
    if call in {"AddUserToGroup", "RemoveUserFromGroup"}:
        yield from _membership(call, asked, prefix)
        return
    for name, kind in _HOLDERS:
        holder = _text(asked.get(name))
        if holder and call.removesuffix("Policy").casefold().endswith(kind):
            yield from _policy(call, asked, f"{prefix}{kind}/{holder}")


def _policy(call: str, asked: Mapping[str, Any], holder: str) -> Iterator[Act]:
    """A policy is attached to a holder or written into it, or taken from it."""
    policy = _text(asked.get("policyArn")) or _text(asked.get("policyName"))
    key = ("aws", holder, policy)
    if call.startswith(("Detach", "Delete")):
        yield Grant(key, holder, how="taken")
        return
    rank: Rank | None = None
    if call.startswith("Attach"):
        rank = rank_of_name(policy)
    elif call.startswith("Put"):
        rank = rank_of_document(asked.get("policyDocument"))
    if rank is not None:
        yield Grant(key, holder, policy.rpartition("/")[2], rank)


def _membership(call: str, asked: Mapping[str, Any], prefix: str) -> Iterator[Act]:
    user, group = f"{prefix}user/{_text(asked.get('userName'))}", _text(asked.get("groupName"))
    key = ("aws", user, f"group {group}")
    if call == "RemoveUserFromGroup":
        yield Grant(key, user, how="taken")
    elif "admin" in group.casefold():
        yield Grant(key, user, f"group {group}", "administrator")
    else:
        yield Within(Grant(key, user, f"group {group}"), f"{prefix}group/{group}")


def _access_key(call: str, view: View, asked: Mapping[str, Any], prefix: str) -> Iterator[Act]:
    if call == "DeleteAccessKey":
        yield Credential(_text(asked.get("accessKeyId")), "access key", how="deleted")
        return
    made = _map(_map(view.get("responseElements")).get("accessKey"))
    key, user = _text(made.get("accessKeyId")), _text(made.get("userName")) or _text(asked.get("userName"))
    if key:
        yield Credential(key, "access key", f"{prefix}user/{user}" if user else "", "made")


def _sso(call: str, asked: Mapping[str, Any]) -> Iterator[Act]:
    """Permission sets of IAM Identity Center, and who gets them."""
    holder = _text(asked.get("permissionSetArn"))
    policy = _text(asked.get("managedPolicyArn"))
    if call == "AttachManagedPolicyToPermissionSet" and (rank := rank_of_name(policy)) is not None:
        yield Grant(("aws", holder, policy), holder, policy.rpartition("/")[2], rank)
    elif call == "DetachManagedPolicyFromPermissionSet":
        yield Grant(("aws", holder, policy), holder, how="taken")
    elif call in {"CreateAccountAssignment", "DeleteAccountAssignment"}:
        who, target = _text(asked.get("principalId")), _text(asked.get("targetId"))
        key = ("aws", who, holder, target)
        right = f"permission set {holder.rpartition('/')[2]}"
        if call.startswith("Delete"):
            yield Grant(key, who, how="taken")
        else:
            yield Within(Grant(key, who, right, scope=target), holder)
