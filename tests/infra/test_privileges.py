"""What the roles of template.yaml allow, held against the calls that the functions were seen to make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from firstseen.store.store import Store
from functions.aws import canary, wiring
from tests.emulators import ROOT
from tests.faults.faulty import RecordingSink
from tests.faults.world import MINUTE_US, START_US, event
from tests.functions.aws_cloud import REGION, SESSION, Cloud, Context, bus_event, cloud
from tests.functions.test_aws_baseline import CHANGED, RULES, World, history_beside, publish
from tests.functions.test_aws_ingest import created, trail
from tests.infra.conditions import chosen

ACCOUNT = "123456789012"
"""moto's."""

THEIRS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d990263-018e-4065-a703-eff731de951e"

EVERYTHING = {"TrailKeyArn": "x", "LogBucketName": "x", "LogKeyArn": "x"}
FORMS: dict[str, dict[str, str]] = {"own-key": EVERYTHING, "their-key": EVERYTHING | {"KmsKeyArn": THEIRS}}
"""Parameters of the forms that differ in what roles allow: each with every statement that can be there."""

PACKS = "firstseen-packs"
BUS = "firstseen"
ROLES = ("Ingest", "Sweep", "Baseline", "Canary")

NOT_SEEN = {
    ("KeepState", "dynamodb:BatchWriteItem"): "takes back what was written before a transaction that met a conflict",
    ("UseTheKey", "kms:Decrypt"): "SNS and S3 use the key in the caller's name; no client of ours calls KMS",
    ("UseTheKey", "kms:GenerateDataKey"): "the same",
    ("ReadTheTrailsKey", "kms:Decrypt"): "the same, with the key of somebody else's trail",
    ("ReadTheLogsKey", "kms:Decrypt"): "the same, with the key of somebody else's bucket of logs",
    ("ReadTheQueue", "sqs:DeleteMessage"): "Lambda's poller does it with the function's role",
    ("ReadTheQueue", "sqs:GetQueueAttributes"): "the same",
    ("ReadTheQueue", "sqs:ReceiveMessage"): "the same",
    ("WriteLogs", "logs:CreateLogStream"): "Lambda does it with the function's role",
    ("WriteLogs", "logs:PutLogEvents"): "the same",
    ("TellNothingPublishedFromDenied", "s3:ListBucket"): "without it S3 calls a pointer that is not there denied",
    ("TellMissingFromDenied", "s3:ListBucket"): "without it S3 calls a deleted object denied",
    ("TellMissingLogsFromDenied", "s3:ListBucket"): "the same, of a bucket with other logs",
}
"""Statements and actions that none of these calls needs, and why they are there."""


@dataclass
class Seen:
    """What the clients were asked: role → pairs of an action and the ARN that it was on."""

    by: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: {role: set() for role in ROLES})
    role: str = ""

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:  # noqa: ANN401 - botocore's
        """One call, before its parameters are made into a request."""
        if self.role:
            self.by[self.role].update(_needs(model.service_model.service_name, model.name, params))

    @contextmanager
    def as_role(self, role: str) -> Iterator[None]:
        """What is called now is called with this role."""
        self.role = role
        yield
        self.role = ""


def _needs(service: str, operation: str, params: dict[str, Any]) -> set[tuple[str, str]]:
    """Actions and resources of a call, as AWS's reference of service authorization has them. KeyError: it is new."""
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            parts = [(kind, one[kind]["TableName"]) for one in params["TransactItems"] for kind in one]
            return {(f"dynamodb:{kind}Item", _table(name)) for kind, name in parts}
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            return {(f"dynamodb:{operation}", _table(name)) for name in params["RequestItems"]}
        case "dynamodb", _:
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            return {(f"dynamodb:{operation}", _table(params["TableName"]) + index)}
        case "s3", "GetObject" | "PutObject":
            return {(f"s3:{operation}", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}")}
        case "sqs", "SendMessageBatch":
            return {("sqs:SendMessage", _queue(params["QueueUrl"]))}
        case "sns", "PublishBatch":
            return {("sns:Publish", params["TopicArn"])}
        case "events", "PutEvents":
            return {("events:PutEvents", _bus(one["EventBusName"])) for one in params["Entries"]}
        case "cloudtrail", "LookupEvents":
            return {("cloudtrail:LookupEvents", "*")}
    msg = f"{service} {operation}: say here what it needs"
    raise KeyError(msg)


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _bus(name: str) -> str:
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"


def _queue(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


@dataclass(frozen=True)
class Grant:
    """One action on one resource. ``resource``: with the account's own names in it."""

    sid: str
    action: str
    resource: str

    def allows(self, call: tuple[str, str]) -> bool:
        """Whether it is for this call. A star stands for anything, as in IAM."""
        return self.action == call[0] and fnmatchcase(call[1], self.resource)


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms as they are in JSON."""


def _short(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short)


@cache
def resources(form: str = "own-key") -> dict[str, Any]:
    """The template's, as they are with the parameters of a form."""
    with (ROOT / "template.yaml").open(encoding="utf-8") as file:
        loaded = yaml.load(file, _Loader)  # noqa: S506 - a safe loader
    found: dict[str, Any] = chosen(loaded, FORMS[form])["Resources"]
    return found


def written(value: Any) -> str:  # noqa: ANN401 - a template's part
    """A resource as it would stand in ``!Sub``."""
    match value:
        case str():
            return value
        case {"Ref": name} | {"Fn::GetAtt": name}:
            return f"${{{name}}}"
        case {"Fn::Sub": [str(text), dict(names)]}:
            for name, one in names.items():
                text = text.replace(f"${{{name}}}", written(one))
            return text
        case {"Fn::Sub": str(text)}:
            return text
    msg = f"{value}: not understood"
    raise AssertionError(msg)


def grants(role: str, names: dict[str, str], form: str = "own-key") -> list[Grant]:
    """What a role allows, statements under conditions included."""
    (policy,) = resources(form)[f"{role}Role"]["Properties"]["Policies"]
    found = []
    for one in policy["PolicyDocument"]["Statement"]:
        assert one["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(one)
        actions, on = (value if isinstance(value, list) else [value] for value in (one["Action"], one["Resource"]))
        for resource in map(written, on):
            shown = re.sub(r"\$\{([A-Za-z:.]+)\}", lambda name: names.get(name[1], name[0]), resource)
            found += [Grant(one["Sid"], action, shown) for action in actions]
    return found


def _down(store: Store, sink: object) -> tuple[Store, RecordingSink]:
    del sink
    return store, RecordingSink(down=True)


def _ingest_and_sweep(account: Cloud, seen: Seen, folder: Path) -> None:
    """A topic that is down for a while, each way in, something unreadable; sweeps, the first to meet other rules."""
    minute = (account.clock.now_us - START_US) / MINUTE_US
    account.put("a.json.gz", trail(event(900, minute, "Ask", "eve"), b'{"eventName":"Ask"}'))
    many = [bus_event(event(901 + number, minute, "Ask", f"who-{number}")) for number in range(3)]
    with seen.as_role("Ingest"):
        with pytest.raises(AssertionError, match="never finished"):
            account.deliver(account.container(_down), account.messages(many[:1]), rounds=1)
        bodies = [created(account.bucket, "a.json.gz"), created(account.bucket, "gone"), "not json", many[1]]
        account.deliver(account.container(), account.messages(bodies), rounds=3)
    publish(folder, RULES.replace("Beg", "Plead"))
    for later in (15, 60 * 24 * 40):
        account.clock.now_us += later * MINUTE_US
        with seen.as_role("Sweep"):
            account.sweeper()({}, Context())


def _baseline(world: World, seen: Seen, folder: Path) -> None:
    """The first build, and rules that wait for theirs."""
    publish(folder, RULES)
    with seen.as_role("Baseline"):
        world.call()
    publish(folder, CHANGED, "--after-baseline")
    with seen.as_role("Baseline"):
        world.call(later_minutes=15)


def _canary(account: Cloud, seen: Seen) -> None:
    """A round, and the look for what it found."""
    SESSION.client("events").create_event_bus(Name=BUS)
    account.environment |= {"FIRSTSEEN_CANARY_HOURS": "1", "FIRSTSEEN_CANARY_BUS": BUS}
    for _ in range(2):
        with seen.as_role("Canary"):
            handler = canary.handler_of(wiring.Start(account.build), lambda: SESSION.client("events"))
            handler({}, Context())
        account.clock.now_us += 60 * MINUTE_US


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Seen, dict[str, str]]]:
    """The calls, and what the template's names are here."""
    folder, calls = tmp_path_factory.mktemp("account"), Seen()
    SESSION.events.register("provide-client-params", calls.note, unique_id="privileges")
    try:
        with cloud(folder, RULES) as account, history_beside(account) as world:
            location: Any = {"LocationConstraint": REGION}
            SESSION.client("s3").create_bucket(Bucket=PACKS, CreateBucketConfiguration=location)
            account.environment["FIRSTSEEN_PACKS"] = f"s3://{PACKS}/rules"
            _baseline(world, calls, folder)
            _ingest_and_sweep(account, calls, folder)
            _canary(account, calls)
            names = {
                "AWS::Partition": "aws",
                "State.Arn": _table(account.environment["FIRSTSEEN_TABLE"]),
                "Findings": account.environment["FIRSTSEEN_TOPIC_ARN"],
                "Rejects.Arn": _queue(account.environment["FIRSTSEEN_REJECTS_URL"]),
                "Packs.Arn": f"arn:aws:s3:::{PACKS}",
                "TrailBucket": account.bucket,
                "LogBucketName": account.bucket,
                "Bus.Arn": _bus(BUS),
            }
            yield calls, names
    finally:
        SESSION.events.unregister("provide-client-params", unique_id="privileges")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", ROLES)
def test_the_roles_allow_the_calls_that_the_functions_make_and_no_other(
    seen: tuple[Seen, dict[str, str]], role: str, form: str
) -> None:
    """Every call that was seen is allowed; every grant was used, or is there for a reason that is written down."""
    calls, allowed = seen[0].by[role], grants(role, seen[1], form)
    assert len(calls) > 5
    assert not [call for call in calls if not any(one.allows(call) for one in allowed)]
    unused = [one for one in allowed if not any(map(one.allows, calls))]
    assert not [one for one in unused if (one.sid, one.action) not in NOT_SEEN]


def test_every_reason_is_for_a_statement_that_is_there_and_that_no_call_uses(
    seen: tuple[Seen, dict[str, str]],
) -> None:
    found = [(role, one) for role in ROLES for one in grants(role, seen[1])]
    assert set(NOT_SEEN) <= {(one.sid, one.action) for _, one in found}
    used = {(one.sid, one.action) for role, one in found if any(map(one.allows, seen[0].by[role]))}
    assert not used & set(NOT_SEEN)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", ROLES)
def test_every_grant_names_what_it_is_for(role: str, form: str) -> None:
    """One resource of this stack or the one that a parameter names; everything only where AWS knows nothing less."""
    for one in grants(role, {}, form):
        assert "*" not in one.action
        if one.resource == "*":
            assert one.action == "cloudtrail:LookupEvents"
            continue
        assert re.search(r"\$\{(?!AWS::)[A-Za-z.]+\}", one.resource), one
        assert one.resource.count("*") <= 1
        assert one.resource.endswith(("/*", "}", "/rules/current.json")), one


def test_no_role_can_change_rights_read_secrets_or_act_as_another() -> None:
    services = {one.action.partition(":")[0] for role in ROLES for one in grants(role, {})}
    assert services == {"cloudtrail", "dynamodb", "events", "kms", "logs", "s3", "sns", "sqs"}
    for role in ROLES:
        assert "ManagedPolicyArns" not in resources()[f"{role}Role"]["Properties"]


def test_what_holds_events_or_findings_is_encrypted_with_the_key_of_the_stack_or_says_why_not() -> None:
    """The key turns every year, and those who may use it are named. With another key: test_keys.py."""
    found = resources()
    assert found["Key"]["Properties"]["EnableKeyRotation"] is True
    assert found["Findings"]["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": "Key.Arn"}
    for bucket in ("Packs", "TrailBucket"):
        (rule,) = found[bucket]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": "Key.Arn"}
    assert found["Trail"]["Properties"]["KMSKeyId"] == {"Fn::GetAtt": "Key.Arn"}
    kinds = {
        "AWS::SQS::Queue": "CKV_AWS_27",
        "AWS::DynamoDB::Table": "CKV_AWS_119",
        "AWS::Logs::LogGroup": "CKV_AWS_158",
    }
    for one in found.values():
        if one["Type"] in kinds:
            assert kinds[one["Type"]] in {skip["id"] for skip in one["Metadata"]["checkov"]["skip"] if skip["comment"]}
