"""What an audit reads out of events: who may and who did, what lies unused, old keys, sign-ins with one factor."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.auditing.audit import Audit
from firstseen.auditing.aws_policies import rank_of_document, rank_of_name
from firstseen.auditing.sections import SECTIONS, Question
from firstseen.auditing.tables import Bounded, Remembered, Some
from firstseen.cli.times import moment_us
from firstseen.sources.event import Event
from firstseen.sources.reading import read_event
from firstseen.sources.source import View
from tests.unit.audit_samples import (
    ACCOUNT,
    ADA,
    NOW,
    OID,
    OWNER,
    SUBSCRIPTION,
    TENANT,
    UPN,
    Raw,
    aws,
    azure,
    directory,
    login,
    sign_in,
)


def rows(name: str, *events: Raw, now: str = NOW, unused: int = 5, keys: int = 5) -> list[dict[str, str]]:
    """The rows of one section after these events."""
    audit = Audit()
    for raw in events:
        audit.add(_event(raw))
    found = SECTIONS[name](audit, Question(moment_us("--now", now, 0), unused, keys))
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def _event(raw: Raw) -> Event:
    found = read_event(json.dumps(raw).encode(), received_us=2**60)
    assert isinstance(found, Event), found
    return found


# ---- who ran commands ------------------------------------------------------------------------------------


def test_commands_are_counted_by_principal_and_call_with_their_machines() -> None:
    first = aws("ssm:SendCommand", requestParameters={"instanceIds": ["i-1", "i-2"]})
    more = aws("ssm:SendCommand", "2026-10-02T10:00:00Z", requestParameters={"instanceIds": ["i-2"]})
    assert rows("ran", more, first, aws("ec2:DescribeInstances")) == [
        {
            "who": ADA, "call": "ssm:sendcommand", "account": ACCOUNT, "times": "2", "refused": "0", "machines": "2",
            "first": "2026-10-01T10:00:00Z", "last": "2026-10-02T10:00:00Z", "last_address": "198.51.100.24",
        }
    ]  # fmt: skip


def test_a_copy_of_an_event_counts_once_and_so_does_an_operation_of_azure_that_begins_and_ends() -> None:
    event = aws("ssm:StartSession", requestParameters={"target": "i-1"})
    assert rows("ran", event, event)[0]["times"] == "1"
    run = "Microsoft.Compute/virtualMachines/runCommand/action"
    (row,) = rows("ran", azure(run, "Start"), azure(run, "Accept"), azure(run, "Success"))
    assert (row["who"], row["times"], row["refused"]) == ("bo@contoso.example", "1", "0")


def test_commands_that_were_refused_are_counted_as_such() -> None:
    assert rows("ran", aws("ssm:SendCommand", errorCode="AccessDeniedException"))[0]["refused"] == "1"
    run = "Microsoft.Compute/virtualMachines/runCommand/action"
    (row,) = rows("ran", azure(run, "Failure"), azure(run, "Start"))
    assert (row["times"], row["refused"]) == ("1", "1")


def test_the_person_behind_a_session_is_named() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
    identity = {
        "type": "AssumedRole", "principalId": "AROA1:ada@contoso.example",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_1/ada@contoso.example",
        "sessionContext": {"sessionIssuer": {"arn": role}},
    }  # fmt: skip
    (row,) = rows("ran", aws("ssm:StartSession", userIdentity=identity))
    assert row["who"] == f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_Admin_1 as ada@contoso.example"


def test_machines_that_a_tag_chooses_count_by_the_tag() -> None:
    asked = {"targets": [{"key": "tag:role", "values": ["web", "db"]}], "instanceIds": []}
    named = {"targets": [{"key": "InstanceIds", "values": ["i-1"]}], "instanceIds": ["i-1"]}
    assert rows("ran", aws("ssm:SendCommand", requestParameters=asked))[0]["machines"] == "2"
    assert rows("ran", aws("ssm:SendCommand", requestParameters=named))[0]["machines"] == "1"


# ---- who may ---------------------------------------------------------------------------------------------

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_a_policy_that_is_attached_gives_its_holder_rank_until_it_is_detached() -> None:
    asked = {"userName": "bob", "policyArn": ADMIN}
    attached = aws("iam:AttachUserPolicy", requestParameters=asked)
    (row,) = rows("may", attached)
    assert (row["who"], row["by"], row["given_by"]) == (f"arn:aws:iam::{ACCOUNT}:user/bob", "AdministratorAccess", ADA)
    assert (row["since"], row["taken_away"]) == ("2026-10-01T10:00:00Z", "")
    detached = aws("iam:DetachUserPolicy", "2026-10-02T10:00:00Z", requestParameters=asked)
    for order in ((attached, detached), (detached, attached)):
        assert rows("may", *order)[0]["taken_away"] == "2026-10-02T10:00:00Z"
    again = aws("iam:AttachUserPolicy", "2026-10-03T10:00:00Z", requestParameters=asked)
    assert rows("may", attached, again, detached)[0]["taken_away"] == ""


def test_refused_grants_and_policies_without_rank_are_no_rights() -> None:
    asked = {"roleName": "app", "policyArn": ADMIN}
    assert rows("may", aws("iam:AttachRolePolicy", requestParameters=asked, errorCode="AccessDenied")) == []
    asked = {"roleName": "app", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    assert rows("may", aws("iam:AttachRolePolicy", requestParameters=asked)) == []


def test_members_of_a_group_have_rank_when_the_group_is_known_to_have_it() -> None:
    join = aws("iam:AddUserToGroup", requestParameters={"userName": "bob", "groupName": "ops"})
    assert rows("may", join) == []
    attach = aws("iam:AttachGroupPolicy", requestParameters={"groupName": "ops", "policyArn": ADMIN})
    for order in ((join, attach), (attach, join)):
        assert [(row["who"].rpartition(":")[2], row["by"]) for row in rows("may", *order)] == [
            ("group/ops", "AdministratorAccess"),
            ("user/bob", "group ops"),
        ]


@pytest.mark.parametrize(
    ("policy", "rank"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, "administrator"),
        ([{"Effect": "Allow", "Action": ["s3:*", "ssm:Send*"]}], "commands"),
        ({"Effect": "Allow", "Action": "SSM:StartSession"}, "commands"),
        ({"Effect": "Allow", "Action": "iam:*"}, "grants"),
        ({"Effect": "Allow", "NotAction": "iam:*"}, "administrator"),
        ({"Effect": "Deny", "Action": "*"}, None),
        ({"Effect": "Allow", "Action": "s3:GetObject"}, None),
        ({"Effect": "Allow", "Action": [7, None]}, None),
        (None, None),
    ],
)
def test_an_inline_policy_has_the_rank_of_what_it_allows(policy: object, rank: str | None) -> None:
    assert rank_of_document(json.dumps({"Statement": policy})) == rank


def test_what_is_no_policy_has_no_rank() -> None:
    assert [rank_of_document(one) for one in (None, "", "[", "[]", 7)] == [None] * 5
    assert rank_of_name(f"arn:aws:iam::{ACCOUNT}:policy/app") is None
    assert rank_of_name(f"arn:aws:iam::{ACCOUNT}:policy/MyAdministrators") == "administrator"


def _assignment(status: str, **body: object) -> Raw:
    resource = f"{SUBSCRIPTION}/providers/microsoft.authorization/roleassignments/72f44cec"
    properties = {"requestbody": json.dumps(body)} if body else {}
    return azure("Microsoft.Authorization/roleAssignments/write", status, resource, properties=properties)


def test_a_role_of_azure_is_read_from_the_request_and_not_counted_when_it_is_refused() -> None:
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    asked = _assignment("Start", Id="72f44cec", Properties={"PrincipalId": "New-One", "RoleDefinitionId": definition})
    (row,) = rows("may", asked, _assignment("Success"))
    assert (row["who"], row["by"], row["where"], row["given_by"]) == (
        "new-one", "Owner", SUBSCRIPTION, "bo@contoso.example",
    )  # fmt: skip
    for order in ((asked, _assignment("Failure")), (_assignment("Failure"), asked)):
        assert rows("may", *order) == []


def test_the_role_by_which_a_call_was_allowed_is_a_right_seen_at_work() -> None:
    evidence = {"authorization": {"evidence": {"role": "Owner", "roleAssignmentScope": SUBSCRIPTION}}}
    claims = {"claims": {UPN: "bo@contoso.example"}}
    (row,) = rows("may", azure("Microsoft.Compute/disks/write", "Success", identity={**evidence, **claims}))
    assert (row["who"], row["by"], row["known"], row["given_by"]) == ("bo@contoso.example", "Owner", "seen at work", "")


def _member(role: str) -> Raw:
    change = {"displayName": "Role.DisplayName", "oldValue": None, "newValue": f'"{role}"'}
    return {"id": "new-id", "type": "User", "userPrincipalName": "New@contoso.example", "modifiedProperties": [change]}


def test_directory_roles_of_rank_are_rights() -> None:
    given = directory("Add member to role", _member("Global Administrator"))
    (row,) = rows("may", given, directory("Add member to role", _member("Reports Reader")))
    assert (row["who"], row["by"], row["where"]) == ("new@contoso.example", "Global Administrator", TENANT)
    assert rows("may", directory("Add member to role", _member("Global Administrator"), "failure")) == []
    taken = directory("Remove member from role", _member("Global Administrator"))
    taken["properties"]["activityDateTime"] = "2026-10-05T00:00:00Z"
    assert rows("may", given, taken)[0]["taken_away"] == "2026-10-05T00:00:00Z"


# ---- unused, keys, sign-ins ------------------------------------------------------------------------------


def test_a_principal_with_rank_that_is_not_there_any_more_is_unused() -> None:
    attached = aws("iam:AttachUserPolicy", requestParameters={"userName": "bob", "policyArn": ADMIN})
    bob = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/staff/bob"}
    found = {row["who"].rpartition("/")[2]: row for row in rows("unused", attached, now="2026-10-10")}
    assert (found["bob"]["last_seen"], found["bob"]["days_unused"]) == ("not in these logs", "8")
    assert found["ada"]["privileged_by"] == "sensitive calls"
    seen = aws("s3:ListBuckets", "2026-10-08T10:00:00Z", userIdentity=bob)
    assert [row["who"] for row in rows("unused", attached, seen, now="2026-10-10")] == [ADA]
    assert rows("unused", attached, seen, now="2026-10-10", unused=30) == []


def test_a_grant_by_object_id_is_in_use_when_the_name_behind_it_is_there() -> None:
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    oid = "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960"
    asked = _assignment("Success", Properties={"PrincipalId": oid, "RoleDefinitionId": definition})
    asked["identity"] = {"claims": {UPN: "eve@contoso.example", OID: "eve-id"}}
    present = sign_in(createdDateTime="2026-10-13T08:00:00Z")
    assert [row["who"] for row in rows("unused", asked, present)] == ["eve@contoso.example"]
    assert [row["who"] for row in rows("may", asked, present)] == [f"bo@contoso.example ({oid})"]


def test_a_key_that_is_old_and_used_is_shown_with_its_age() -> None:
    made = aws(
        "iam:CreateAccessKey", "2026-10-01T00:00:00Z", requestParameters={"userName": "bob"},
        responseElements={"accessKey": {"accessKeyId": "AKIA1", "userName": "bob"}},
    )  # fmt: skip
    by_key = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/bob", "accessKeyId": "AKIA1"}
    used = aws("s3:ListBuckets", "2026-10-09T00:00:00Z", userIdentity=by_key)
    (row,) = rows("keys", used, made)
    assert (row["key"], row["made"], row["age_days"], row["times"]) == ("AKIA1", "2026-10-01T00:00:00Z", "14", "1")
    assert rows("keys", made) == []
    assert rows("keys", used)[0]["age_days"] == "6+"
    assert rows("keys", used, made, keys=15) == []
    deleted = aws("iam:DeleteAccessKey", requestParameters={"userName": "bob", "accessKeyId": "AKIA1"})
    assert rows("keys", used, made, deleted) == []


def test_keys_of_a_session_are_none() -> None:
    identity = {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/x", "accessKeyId": "ASIA1"}
    assert rows("keys", aws("s3:ListBuckets", userIdentity=identity)) == []


def test_a_credential_of_an_application_is_known_from_the_change_that_made_it() -> None:
    change = {
        "displayName": "KeyDescription",
        "oldValue": '["[KeyIdentifier=old-key,KeyType=Password]"]',
        "newValue": '["[KeyIdentifier=old-key,KeyType=Password]","[KeyIdentifier=new-key,KeyType=Password]"]',
    }
    target = {"id": "app-id", "type": "ServicePrincipal", "displayName": "invoices", "modifiedProperties": [change]}
    made = directory("Add service principal credentials", target)
    used = sign_in(
        "ServicePrincipalSignInLogs", userPrincipalName=None, userId=None, servicePrincipalId="sp-id",
        servicePrincipalName="invoices", servicePrincipalCredentialKeyId="new-key", authenticationRequirement=None,
    )  # fmt: skip
    old = json.loads(json.dumps(used).replace("new-key", "old-key").replace("sign-in-", "again-"))
    assert [(row["key"], row["owner"], row["made"]) for row in rows("keys", made, used, old)] == [
        ("new-key", "invoices", "2026-10-04T08:00:00Z"),
        ("old-key", "invoices", "before these logs"),
    ]


def test_sign_ins_with_one_factor_are_those_that_succeeded() -> None:
    found = rows("no-mfa", login("No"), login("Yes"), login("No", said="Failure"), login("No", "AssumedRole"))
    assert [(row["who"], row["to"], row["times"]) for row in found] == [(ADA, "the AWS console", "1")]


def test_entra_says_itself_how_many_factors_were_asked_for() -> None:
    failed = {**sign_in(), "resultType": "50126"}
    double = sign_in(authenticationRequirement="multiFactorAuthentication")
    silent = sign_in("NonInteractiveUserSignInLogs")
    (row,) = rows("no-mfa", sign_in(), failed, double, silent)
    assert (row["who"], row["account"], row["to"], row["times"], row["last_address"]) == (
        "bo@contoso.example", TENANT, "Azure Portal", "1", "203.0.113.9",
    )  # fmt: skip


# ---- bounds, and anything at all -------------------------------------------------------------------------


def test_a_full_table_keeps_its_rows_and_counts_what_it_leaves_out() -> None:
    table: Bounded[str, list[int]] = Bounded(2)
    for key in ("a", "b", "c", "a", "c"):
        row = table.at(key, list)
        if row is not None:
            row.append(1)
    assert (dict(table.items()), table.left_out) == ({"a": [1, 1], "b": [1]}, 2)


def test_different_values_beyond_the_limit_are_at_least_so_many() -> None:
    some = Some(2)
    for value in "aab":
        some.add(value)
    assert str(some) == "2"
    some.add("c")
    assert str(some) == "2+"


def test_what_is_remembered_is_bounded_and_says_when_it_is_full() -> None:
    remembered = Remembered(2)
    assert [remembered.new(one) for one in ("a", "b", "a")] == [True, True, False]
    assert remembered.full
    assert [remembered.new(one) for one in ("c", "c", "a")] == [True, True, False]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    "userIdentity", "requestParameters", "responseElements", "additionalEventData", "identity", "properties",
    "resourceId", "claims", "authorization", "targetResources", "initiatedBy", "policyDocument", "targets",
)  # fmt: skip


@given(
    base=st.sampled_from([
        aws("iam:PutUserPolicy"), aws("ssm:SendCommand"), aws("iam:AddUserToGroup"), login("No"),
        azure("Microsoft.Authorization/roleAssignments/write", "Success"), sign_in(),
        directory("Add member to role", _member("Global Administrator")),
    ]),
    spoilt=st.dictionaries(st.sampled_from(_KEYS), _json, max_size=4),
    deeper=st.dictionaries(st.sampled_from(_KEYS), _json, max_size=4),
)  # fmt: skip
def test_no_event_stops_the_audit(base: View, spoilt: Raw, deeper: Raw) -> None:
    raw = {**base, **spoilt}
    for key in ("properties", "requestParameters", "identity"):
        if isinstance(raw.get(key), dict):
            raw[key] = {**raw[key], **deeper}
    event = read_event(json.dumps(raw).encode(), received_us=2**60)
    if isinstance(event, Event):
        audit = Audit()
        audit.add(event)
        for make in SECTIONS.values():
            section = make(audit, Question(2**60, 1, 1))
            assert all(len(row) == len(section.columns) for row in section.rows)
