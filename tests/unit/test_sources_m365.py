"""Microsoft 365's audit log: recognised in what it comes in, its bags folded, its times UTC; nothing odd stops it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.sources.event import Event, Reject
from firstseen.sources.m365_audit import M365_AUDIT, SAMPLE, recognise
from firstseen.sources.okta_system import SAMPLE as OKTA_SAMPLE
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.splitting import split

NOW_US = 1_780_000_000_000_000
ID = SAMPLE["Id"]


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = M365_AUDIT.accessor(name, vocabulary=vocabulary)
    assert isinstance(place, Derived), name
    return place.function(view)


def events(data: object) -> list[Event | Reject]:
    raw = data if isinstance(data, bytes) else orjson.dumps(data)
    found: list[Event | Reject] = []
    for one in split([raw]):
        found += [one] if isinstance(one, Reject) else list(read_document(*one, received_us=NOW_US))
    return found


def only(data: object) -> Event:
    (found,) = events(data)
    assert isinstance(found, Event), found
    return found


ROW = {
    "TenantId": "0a0a0a0a-0000-4000-8000-00000000000a",
    "SourceSystem": "OfficeActivityManager",
    "TimeGenerated": "2026-03-02T09:15:02Z",
    "RecordType": "ExchangeAdmin",
    "OfficeWorkload": "Exchange",
    "Operation": "Set-Mailbox",
    "OrganizationId": SAMPLE["OrganizationId"],
    "OfficeId": ID,
    "OfficeObjectId": SAMPLE["ObjectId"],
    "UserId": SAMPLE["UserId"],
    "ClientIP": "198.51.100.24:51820",
    "ResultStatus": "True",
    "Parameters": orjson.dumps(SAMPLE["Parameters"]).decode(),
    "Type": "OfficeActivity",
}
STREAMED = {
    "time": "2026-03-02T09:15:40.1234567Z",
    "tenantId": SAMPLE["OrganizationId"],
    "operationName": "Publish",
    "category": "AdvancedHunting-CloudAppEvents",
    "properties": {"ActionType": "Set-Mailbox", "Application": "Microsoft Exchange Online", "RawEventData": SAMPLE},
}


@pytest.mark.parametrize(
    "wrapped",
    [
        [SAMPLE],
        SAMPLE,
        {"records": [SAMPLE]},
        {"AuditData": orjson.dumps(SAMPLE).decode(), "Operations": "Set-Mailbox", "UserIds": "ada@contoso.example"},
        {"id": ID, "createdDateTime": "2026-03-02T09:15:02Z", "operation": "Set-Mailbox", "auditData": SAMPLE},
        ROW,
        {"records": [ROW]},
        {"records": [STREAMED]},
        {"tables": [{"columns": [{"name": key} for key in ROW], "rows": [list(ROW.values())]}]},
    ],
    ids=["blob", "line", "hub", "search", "Graph", "table", "exported table", "Defender's stream", "Log Analytics"],
)
def test_one_record_is_the_same_in_every_shape(wrapped: object) -> None:
    found = only(wrapped)
    assert (found.source.name, found.id, found.time_us) == ("m365.audit", ID, 1_772_442_902_000_000)
    assert found.remarks == ()
    said = {name: value(found.view, name, "common") for name in COMMON if name not in ("time", "region")}
    assert said == {
        "actor": "ada@contoso.example",
        "action": "Exchange:Set-Mailbox",
        "outcome": "success",
        "source.ip": "198.51.100.24",
        "account": SAMPLE["OrganizationId"],
        "resource": "contoso.example/Users/ben",
        "user_agent": None,
        "id": ID,
    }
    assert value(found.view, "Parameters.DeliverToMailboxAndForward") == "True"
    assert value(found.view, "o365.audit.Parameters.Identity", "ecs") == "ben"
    assert value(found.view, "Workload") == value(found.view, "OfficeWorkload") == "Exchange"


def test_two_logs_in_one_file_are_told_apart() -> None:
    found = events(orjson.dumps(SAMPLE) + b"\n" + orjson.dumps(OKTA_SAMPLE) + b"\n" + orjson.dumps({"Operation": "x"}))
    assert [one.source.name for one in found if isinstance(one, Event)] == ["m365.audit", "okta.system"]
    assert [one.place for one in found if isinstance(one, Reject)] == [3]


@pytest.mark.parametrize(
    "view",
    [
        {"Operation": "Set-Mailbox"},
        {"Operation": 1, "Workload": "Exchange", "CreationTime": "2026-03-02T09:15:02"},
        {"Operation": "x", "Workload": "y", "spec": 1},
        {"category": "AdvancedHunting-CloudAppEvents", "properties": {"RawEventData": "text"}},
    ],
)
def test_what_only_looks_like_it_is_none(view: View) -> None:
    assert not recognise(view)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.24", "198.51.100.24"),
        ("198.51.100.24:51820", "198.51.100.24"),
        ("[2001:db8::1]:51820", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_ports_and_brackets_of_addresses_are_taken_off(written: str, address: str) -> None:
    assert value({**SAMPLE, "ClientIP": written}, "source.ip", "common") == address
    assert value({**SAMPLE, "ClientIP": written}, "source.ip", "ecs") == address


def test_a_name_in_place_of_an_address_breaks_nothing() -> None:
    assert value({**SAMPLE, "ClientIP": "<null>"}, "source.ip", "common") == "<null>"
    assert value({**SAMPLE, "ClientIP": "<null>"}, "source.ip", "ecs") is None


def test_a_repeated_name_of_a_bag_has_all_its_values() -> None:
    bag = [{"Name": "Member", "Value": "ben"}, {"Name": "Member", "Value": "cleo"}, {"Name": "Other"}, 7, None]
    assert value({**SAMPLE, "Parameters": bag}, "Parameters.Member") == ["ben", "cleo"]
    assert value({**SAMPLE, "Parameters": bag}, "Parameters.Other") is None


@pytest.mark.parametrize("bag", [None, [], {}, "", "[", "[1]", 7, [[]], {"Name": 3}])
def test_a_bag_of_another_shape_has_nothing(bag: object) -> None:
    assert value({**SAMPLE, "Parameters": bag}, "Parameters.Identity") is None
    assert value({**SAMPLE, "Parameters": bag}, "resource", "common") == SAMPLE["ObjectId"]


def test_a_bag_may_be_a_map_already() -> None:
    assert value({**SAMPLE, "Parameters": {"Identity": "ben"}}, "Parameters.Identity") == "ben"


def test_a_changed_property_has_what_it_was_and_what_it_is() -> None:
    changed = [{"Name": "Role.DisplayName", "NewValue": '[\r\n  "Global Administrator"\r\n]', "OldValue": "[]"}]
    view = {**SAMPLE, "ModifiedProperties": changed}
    assert value(view, "ModifiedProperties.Role.DisplayName") == "Global Administrator"
    assert value(view, "ModifiedProperties.Role.DisplayName.NewValue") == "Global Administrator"
    assert value(view, "ModifiedProperties.Role.DisplayName.OldValue") is None


@pytest.mark.parametrize(
    ("operation", "status", "outcome"),
    [
        ("Set-Mailbox", "False", "failure"),
        ("Set-Mailbox", "True", "success"),
        ("FileAccessed", None, "success"),
        ("UserLoginFailed", "Success", "failure"),
        ("UserLoggedIn", "Success", "success"),
        ("MailItemsAccessed", "PartiallySucceeded", None),
    ],
)
def test_the_outcome_follows_the_status_and_the_operations_name(
    operation: str, status: str | None, outcome: str | None
) -> None:
    view = {**SAMPLE, "Operation": operation, "ResultStatus": status}
    assert value(view, "outcome", "common") == outcome
    assert value(view, "event.outcome", "ecs") == outcome


def test_the_program_of_a_sign_in_is_among_the_extended_properties() -> None:
    bag = [{"Name": "UserAgent", "Value": "python-requests/2.32.3"}, {"Name": "RequestType", "Value": "OAuth2:Token"}]
    view = {**SAMPLE, "ExtendedProperties": bag}
    assert value(view, "user_agent", "common") == "python-requests/2.32.3"
    assert value(view, "ExtendedProperties.RequestType") == "OAuth2:Token"


def test_nobody_gives_way_to_the_key() -> None:
    view = {**SAMPLE, "UserId": "Not Available", "UserKey": "10030000ABCD"}
    assert value(view, "actor", "common") == "10030000ABCD"


def test_what_is_odd_is_remarked_upon_and_read() -> None:
    view = {"Operation": "x", "Workload": "Exchange", "CreationTime": "3/2/2026 9:15:02 AM"}
    assert only(view).remarks == (
        "no UserId: rules that ask who acted cannot match",
        "the time is in a local format: taken as month/day/year",
        "no event id: a hash of its content serves",
    )


def test_no_time_is_a_reject_with_its_reason() -> None:
    (found,) = events({**SAMPLE, "CreationTime": None})
    assert isinstance(found, Reject)
    assert "needs CreationTime as in" in found.reason
