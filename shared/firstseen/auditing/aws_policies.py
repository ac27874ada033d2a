"""What rank an IAM policy gives: AWS's own by name, others by what they allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import orjson

from firstseen.auditing.acts import Rank

MANAGED: Mapping[str, Rank] = MappingProxyType(
    {
        "AdministratorAccess": "administrator",
        "PowerUserAccess": "administrator",
        "IAMFullAccess": "grants",
        "AWSOrganizationsFullAccess": "grants",
        "AWSSSOMasterAccountAdministrator": "grants",
        "AmazonSSMFullAccess": "commands",
        "AmazonSSMAutomationRole": "commands",
        "AWSSystemsManagerOpsDataSyncServiceRolePolicy": "commands",
        "EC2InstanceConnect": "commands",
        "AmazonECS_FullAccess": "commands",
    }
)
"""AWS's own policies that have rank."""

_GRANTING = ("iam:attachuserpolicy", "iam:attachrolepolicy", "iam:putuserpolicy", "iam:putrolepolicy",
             "iam:createpolicyversion", "iam:updateassumerolepolicy", "iam:addusertogroup")  # fmt: skip
_RUNNING = ("ssm:sendcommand", "ssm:startsession", "ssm:startautomationexecution", "ssm:createassociation",
            "ecs:executecommand", "ec2-instance-connect:sendsshpublickey")  # fmt: skip

MAX_STATEMENTS = 200
MAX_ACTIONS = 1_000


def rank_of_name(policy: str) -> Rank | None:
    """The rank of a managed policy by its name or ARN; None for one that has none, or is not known."""
    name = policy.rpartition("/")[2]
    if policy.startswith("arn:") and ":iam::aws:policy/" not in policy:
        return "administrator" if "administrator" in name.casefold() else None
    return MANAGED.get(name)


def rank_of_document(text: object) -> Rank | None:
    """The highest rank that an inline policy allows, its conditions and resources aside."""
    allowed = set(_allowed(text))
    if any(one in {"*", "*:*"} for one in allowed):
        return "administrator"
    if any(_covers(one, call) for one in allowed for call in _GRANTING):
        return "grants"
    return "commands" if any(_covers(one, call) for one in allowed for call in _RUNNING) else None


def _allowed(text: object) -> Iterator[str]:
    try:
        policy = orjson.loads(text) if isinstance(text, str) else None
    except ValueError:
        return
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    for one in (statements if isinstance(statements, list) else [statements])[:MAX_STATEMENTS]:
        if isinstance(one, dict) and one.get("Effect") == "Allow":
            if "NotAction" in one:
                yield "*"
            actions = one.get("Action")
            for action in (actions if isinstance(actions, list) else [actions])[:MAX_ACTIONS]:
                if isinstance(action, str):
                    yield action.casefold()


def _covers(pattern: str, call: str) -> bool:
    """Whether the pattern's beginning, up to its first wildcard, is the call's: may be more than the policy gives."""
    plain = pattern.partition("*")[0].partition("?")[0]
    return call == pattern if plain == pattern else call.startswith(plain) and plain != ""
