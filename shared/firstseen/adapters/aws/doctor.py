"""Read-only checks of a deployment on AWS. Nothing here can write: :mod:`firstseen.adapters.aws.asking` sees to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from boto3.session import Session

from firstseen.adapters.aws import doctor_ways as ways
from firstseen.adapters.aws.asking import Absent, Answer, Asker
from firstseen.adapters.aws.deployment import Deployment, deployment
from firstseen.errors import InputError
from firstseen.findings.diagnosis import Check, fail, ok, warn

SKEW_WARN_SECONDS, SKEW_FAIL_SECONDS = 30, 240
"""AWS refuses signatures that are five minutes off."""

Look = Callable[[Deployment], Iterator[Check]]


def examine(of: Deployment) -> Iterator[Check]:
    """Every check of the stack, in the order of an event's way. What cannot be seen is a warning with the reason."""
    for name, look in LOOKS.items():
        try:
            yield from look(of)
        except Absent as exc:
            yield fail(name, str(exc), "somebody removed it: deploy the stack again, and find out who")
        except InputError as exc:
            yield warn(name, f"it could not be seen: {exc}", "allow it to whoever runs doctor, or look yourself")
        except (AttributeError, KeyError, TypeError) as exc:  # the other checks go on
            yield warn(name, f"AWS's answer was not understood: {exc!r}", "look yourself, and tell us")


def deployed(stack: str, *, session: Session | None = None) -> Deployment:
    """The stack, and the variables that its function runs with. Raises SettingsError, InputError."""
    found = deployment(Asker(session or Session()), stack)
    try:
        said = found.ask.ask("lambda", "get_function_configuration", FunctionName=found.id_of("Ingest"))
    except InputError:  # the check of the functions says why
        return found
    return replace(found, environment=said.get("Environment", {}).get("Variables", {}))


def _stack(of: Deployment) -> Iterator[Check]:
    """Whether CloudFormation is done with it."""
    if not of.status.endswith("_COMPLETE"):
        yield warn("stack", f"{of.name} is {of.status}", "wait until it is done; after a failure: deploy it again")
    elif "ROLLBACK" in of.status:
        mend = "its events (aws cloudformation describe-stack-events) say why; mend it and deploy again"
        yield warn("stack", f"{of.name} is {of.status}: the last deployment failed, what ran before runs", mend)
    else:
        yield ok("stack", f"{of.name} is {of.status}")


def _permissions(of: Deployment) -> Iterator[Check]:
    """Whether the roles still have what the template gave them. What an organisation denies cannot be read here."""
    body = of.ask.ask("cloudformation", "get_template", StackName=of.name, TemplateStage="Processed")["TemplateBody"]
    resources = _resources(body)
    roles = of.of_kind("AWS::IAM::Role")
    faults = 0
    for one in roles:
        bound = of.ask.ask("iam", "get_role", RoleName=one.id)["Role"].get("PermissionsBoundary")
        if bound:
            faults += 1
            said = f"{one.name} is bounded by {bound.get('PermissionsBoundaryArn')}"
            yield warn("permissions", said, "see that the boundary allows what the role's policy does")
        for policy in resources.get(one.name, {}).get("Properties", {}).get("Policies", ()):
            has = of.ask.ask("iam", "get_role_policy", RoleName=one.id, PolicyName=policy["PolicyName"])
            lost = _allowed(policy["PolicyDocument"]) - _allowed(has["PolicyDocument"])
            if lost:
                faults += 1
                mend = "somebody changed the role: deploy the stack again with a change to it, or put them back"
                yield fail("permissions", f"{one.name} may no longer {', '.join(sorted(lost))}", mend)
    if roles and not faults:
        yield ok("permissions", f"{len(roles)} roles have what the template gives them")


def _resources(body: object) -> Mapping[str, Answer]:
    """Of a template as CloudFormation hands it out."""
    found = _read(body)
    resources = found.get("Resources", {}) if isinstance(found, Mapping) else {}
    return resources if isinstance(resources, Mapping) else {}


def _read(document: object) -> object:
    """Raises InputError for a template in YAML: what SAM makes is JSON."""
    try:
        return json.loads(document) if isinstance(document, str) else document
    except ValueError as exc:
        msg = "a template or policy is not in JSON, as SAM makes it"
        raise InputError(msg) from exc


def _allowed(document: object) -> set[str]:
    """The actions that a policy allows; statements under a condition of the template do not count."""
    found = _read(document)
    statements = found.get("Statement", ()) if isinstance(found, Mapping) else ()
    allowed: set[str] = set()
    for one in [statements] if isinstance(statements, Mapping) else statements:
        if one.get("Effect") == "Allow":
            actions = one.get("Action", ())
            allowed.update([actions] if isinstance(actions, str) else actions)
    return allowed


def _table(of: Deployment) -> Iterator[Check]:
    """Whether the table can be used, forgets what may be forgotten, and can be put back."""
    name = of.id_of("State")
    said = of.ask.ask("dynamodb", "describe_table", TableName=name)["Table"]
    indexes = [one["IndexName"] for one in said.get("GlobalSecondaryIndexes", ())]
    broken = [one["IndexName"] for one in said.get("GlobalSecondaryIndexes", ()) if one["IndexStatus"] != "ACTIVE"]
    faults = []
    if said["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        faults.append(fail("table", f"{name} is {said['TableStatus']}", "nothing is found until it is ACTIVE"))
    if missing := {"due", "time", "rule"} - set(indexes):
        faults.append(fail("table", f"it has no index {', '.join(sorted(missing))}", "deploy the template's table"))
    if broken:
        faults.append(warn("table", f"the index {', '.join(broken)} is not ready", "wait"))
    life = of.ask.ask("dynamodb", "describe_time_to_live", TableName=name)["TimeToLiveDescription"]
    if life.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
        faults.append(warn("table", "its time to live is off: it grows for ever", "deploy the stack again"))
    kept = of.ask.ask("dynamodb", "describe_continuous_backups", TableName=name)["ContinuousBackupsDescription"]
    if kept.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        faults.append(warn("table", "it cannot be put back to an earlier time", "enable point-in-time recovery"))
    yield from faults
    if not faults:
        yield ok("table", f"{name} is active, with its indexes, time to live and recovery")


def _key(of: Deployment) -> Iterator[Check]:
    """Whether the key works: the one that the stack was given, or its own."""
    key = of.parameters.get("KmsKeyArn") or of.id_of("Key")
    said = of.ask.ask("kms", "describe_key", KeyId=key)["KeyMetadata"]
    if said["KeyState"] == "Enabled":
        yield ok("key", "it is enabled")
    else:
        mend = "enable it, or cancel its deletion: without it no finding can be sent and no object read"
        yield fail("key", f"it is {said['KeyState']}", mend)


def _alarms(of: Deployment) -> Iterator[Check]:
    """Which of the stack's alarms are on."""
    names = {one.id: one.name for one in of.of_kind("AWS::CloudWatch::Alarm")}
    if not names:
        return
    asked = list(names)
    found = [
        one
        for start in range(0, len(asked), 100)
        for one in of.ask.each("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=asked[start : start + 100])
    ]
    faults = [fault for one in found if (fault := _alarm(one, names[one["AlarmName"]]))]
    faults += [
        fail("alarms", f"{names[one]} is gone", "deploy the stack again")
        for one in sorted(names.keys() - {one["AlarmName"] for one in found})
    ]
    yield from faults
    if not faults:
        yield ok("alarms", f"none of {len(found)} is on")


def _alarm(one: Answer, name: str) -> Check | None:
    if one["StateValue"] == "ALARM":
        said = f"{name} is on: {one.get('AlarmDescription', '')}"
        return fail("alarms", said, f"the runbook (docs/runbook.md): {name}")
    if not one.get("ActionsEnabled", True):
        return warn("alarms", f"{name} tells nobody", "aws cloudwatch enable-alarm-actions")
    return None


def _clock(of: Deployment) -> Iterator[Check]:
    """Of the machine that doctor runs on: expectations and baselines that it writes carry its times."""
    skew = of.ask.skew_seconds
    if skew is None:
        yield warn("clock", "AWS did not say its time", "compare it yourself")
    elif abs(skew) < SKEW_WARN_SECONDS:
        yield ok("clock", "this machine's agrees with AWS's")
    else:
        said = f"this machine's is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} AWS's"
        yield (fail if abs(skew) > SKEW_FAIL_SECONDS else warn)("clock", said, "set it, best by NTP")


LOOKS: Mapping[str, Look] = {
    "stack": _stack,
    "trail": ways.trail,
    "rule state": ways.rules,
    "queues": ways.queues,
    "functions": ways.functions,
    "permissions": _permissions,
    "table": _table,
    "key": _key,
    "subscriptions": ways.subscriptions,
    "alarms": _alarms,
    "last event": ways.last_event,
    "clock": _clock,
}
"""The checks of the stack, by the name that is shown."""
