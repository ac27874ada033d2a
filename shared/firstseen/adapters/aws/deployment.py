"""A deployed stack as CloudFormation lists it: what it was given, what it is made of, what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from firstseen.adapters.aws.asking import Absent, Answer, Asker
from firstseen.errors import SettingsError

STACK = "AWS::CloudFormation::Stack"
_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9-]{0,127}|arn:aws[a-z-]*:cloudformation:[a-z0-9-]+:\d{12}:stack/[A-Za-z0-9-]+/[a-f0-9-]+"
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One part of a stack.

    Attributes:
        name: in the template.
        kind: CloudFormation's type.
        id: CloudFormation's physical id: a name, an ARN or an address, as the type has it; "": it was not made.
    """

    name: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack and the stacks in it.

    Attributes:
        status: CloudFormation's word.
        parameters, outputs: of the stack itself.
        resources: of the stack and those nested in it.
        environment: variables of the function for the queue; empty: it could not be seen.
    """

    ask: Asker
    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: tuple[Resource, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def id_of(self, name: str) -> str:
        """The physical id of a resource. Raises Absent."""
        found = next((one.id for one in self.resources if one.name == name and one.id), "")
        if not found:
            msg = f"the stack has no {name}"
            raise Absent(msg)
        return found

    def of_kind(self, kind: str) -> list[Resource]:
        """The resources of a type, in the template's order."""
        return [one for one in self.resources if one.kind == kind]


def deployment(ask: Asker, name: str) -> Deployment:
    """The stack of that name. Raises SettingsError when there is none, InputError when it cannot be seen."""
    if not _NAME.fullmatch(name):
        msg = f"--stack {name[:80]!r} is no name of a stack"
        raise SettingsError(msg)
    try:
        (stack,) = ask.ask("cloudformation", "describe_stacks", StackName=name)["Stacks"]
    except Absent as exc:
        msg = f"there is no stack {name} in this account and region: check the name, AWS_PROFILE and AWS_REGION"
        raise SettingsError(msg) from exc
    resources = tuple(_resources(ask, name))
    return Deployment(
        ask,
        stack["StackName"],
        stack["StackStatus"],
        {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", ())},
        {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())},
        resources,
    )


def _resources(ask: Asker, stack: str) -> Iterator[Resource]:
    """Of the stack and of those directly in it; deeper ones are not ours."""
    own = [_resource(one) for one in _listed(ask, stack)]
    yield from own
    for nested in own:
        if nested.kind == STACK and nested.id:
            yield from (_resource(one) for one in _listed(ask, nested.id))


def _listed(ask: Asker, stack: str) -> Iterator[Answer]:
    return ask.each("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack)


def _resource(one: Answer) -> Resource:
    gone = one.get("ResourceStatus") == "DELETE_COMPLETE"
    return Resource(one["LogicalResourceId"], one["ResourceType"], "" if gone else one.get("PhysicalResourceId", ""))
