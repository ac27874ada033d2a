"""CloudFormation templates of EventBridge rules: what they hand over is compiled, whom they hand it to is stated here.

``queue``: nested in the stack that works on the events. ``bus``: a template of its own for each other region and member
account, which hands events to that stack's bus; StackSets take it, so it nests nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import yaml

from firstseen.errors import RuleError

if TYPE_CHECKING:
    from firstseen.matching.patterns import Pattern

TARGETS: Final = ("queue", "bus")
STATE: Final = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
"""A rule that is merely ENABLED never sees read-only calls."""
WIDTH: Final = 118

_HEAD = """# Written by `firstseen rules build --eventbridge`: do not edit it. After rules have changed: make patterns
"""

Part = Mapping[str, object]


def template_of(patterns: Sequence[Pattern], to: str) -> str:
    """A template (YAML) with a rule of EventBridge for each pattern. Raises RuleError when there is none."""
    if not patterns:
        msg = "no rule names the calls that it asks for: EventBridge would hand over nothing"
        raise RuleError(msg)
    rules = {f"Calls{number}": pattern for number, pattern in enumerate(patterns, 1)}
    template = _to_queue(rules) if to == TARGETS[0] else _to_bus(rules)
    # Through JSON, so that what stands twice is written twice, not as an alias.
    body: str = yaml.safe_dump(
        json.loads(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", **template})),
        default_flow_style=None, sort_keys=False, width=WIDTH,
    )  # fmt: skip
    return _HEAD + body


def _rule(pattern: Pattern, target: Part) -> Part:
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "CloudTrail's record of calls that firstseen's rules name, within seconds",
            "State": STATE,
            "EventPattern": pattern,
            "Targets": [target],
        },
    }


def _to_queue(rules: Mapping[str, Pattern]) -> Part:
    target = {
        "Id": "queue",
        "Arn": {"Ref": "QueueArn"},
        "DeadLetterConfig": {"Arn": {"Ref": "DeadLettersArn"}},
    }
    return {
        "Description": "The calls that firstseen's rules name, to its queue. Part of template.yaml",
        "Parameters": {
            "QueueArn": {"Type": "String", "Description": "Where events go."},
            "DeadLettersArn": {"Type": "String", "Description": "Where those go that cannot be delivered."},
        },
        "Resources": {name: _rule(pattern, target) for name, pattern in rules.items()},
        "Outputs": {
            "RuleArns": {
                "Description": "Who sends to the queue, divided by commas",
                "Value": {"Fn::Join": [",", [_attribute(name, "Arn") for name in rules]]},
            }
        },
    }


def _to_bus(rules: Mapping[str, Pattern]) -> Part:
    target = {
        "Id": "bus",
        "Arn": {"Ref": "BusArn"},
        "RoleArn": _attribute("Role", "Arn"),
        "DeadLetterConfig": {"Arn": _attribute("DeadLetters", "Arn")},
    }
    return {
        "Description": "The calls that firstseen's rules name, to its bus. For other regions and member accounts",
        "Parameters": {
            "BusArn": {
                "Type": "String",
                "Description": "The output BusArn of firstseen's stack.",
                "AllowedPattern": r"^arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/[A-Za-z0-9._-]+$",
            }
        },
        "Resources": {
            "Role": _ROLE,
            "DeadLetters": _DEAD_LETTERS,
            "DeadLettersPolicy": _DEAD_LETTERS_POLICY,
            **{name: _rule(pattern, target) for name, pattern in rules.items()},
        },
        "Outputs": {
            "DeadLetterQueue": {
                "Description": "What the bus did not take for a day. The trail has it too",
                "Value": {"Ref": "DeadLetters"},
            }
        },
    }


def _attribute(resource: str, name: str) -> Part:
    return {"Fn::GetAtt": [resource, name]}


_FROM_HERE: Final = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}

_ROLE: Final = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "Description": "Lets EventBridge hand events to firstseen's bus",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": _FROM_HERE,
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "bus",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": {"Ref": "BusArn"}}],
                },
            }
        ],
    },
}

_DEAD_LETTERS: Final = {
    "Type": "AWS::SQS::Queue",
    "Metadata": {
        "checkov": {
            "skip": [
                {
                    "id": "CKV_AWS_27",
                    "comment": "SQS's own key encrypts it; with a key of ours EventBridge would need a grant to it",
                }
            ]
        }
    },
    "Properties": {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 1_209_600},
}

_DEAD_LETTERS_POLICY: Final = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [{"Ref": "DeadLetters"}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "WhatEventBridgeCouldNotDeliver",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": _attribute("DeadLetters", "Arn"),
                    "Condition": _FROM_HERE,
                }
            ],
        },
    },
}
