"""One entry of the Activity Log in all of its shapes: the same identity, and the same value under every name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.sources.azure_activitylogs import ACTIVITYLOGS, SAMPLE, recognise
from firstseen.sources.azure_addresses import address, without_port
from firstseen.sources.azure_times import read_azure_time
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, Source, View
from firstseen.sources.times import read_time

NOW_US = 1_780_000_000_000_000
SUBSCRIPTION = "6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20"
MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments/providers/Microsoft.Compute/virtualMachines/pay-01"
RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
CORRELATION = "2f6d1c3b-7a58-4e90-b1d2-5c8e0f4a6b71"
CLAIMS = SAMPLE["identity"]["claims"]
AUTHORIZATION = SAMPLE["identity"]["authorization"]
PROPERTIES = SAMPLE["properties"]

REST: View = {
    "authorization": AUTHORIZATION,
    "caller": "platform-ops@contoso.example",
    "claims": CLAIMS,
    "correlationId": CORRELATION,
    "eventDataId": "a1b2c3d4-0000-4000-8000-000000000001",
    "eventName": {"value": "EndRequest", "localizedValue": "End request"},
    "category": {"value": "Administrative", "localizedValue": "Administrative"},
    "httpRequest": {"clientRequestId": "c-1", "clientIpAddress": "198.51.100.24", "method": "POST"},
    "resourceGroupName": "payments",
    "resourceProviderName": {"value": "Microsoft.Compute", "localizedValue": "Microsoft.Compute"},
    "resourceId": MACHINE,
    "operationName": {"value": RUN, "localizedValue": "Run Command on Virtual Machine"},
    "properties": PROPERTIES,
    "status": {"value": "Succeeded", "localizedValue": "Succeeded"},
    "subStatus": {"value": "", "localizedValue": ""},
    "eventTimestamp": "2026-03-02T09:15:02.1234567Z",
    "subscriptionId": SUBSCRIPTION,
    "level": "Informational",
    "tenantId": SAMPLE["tenantId"],
}

SNAKE: View = {
    "authorization": AUTHORIZATION,
    "claims": CLAIMS,
    "correlation_id": CORRELATION,
    "category": {"value": "Administrative"},
    "http_request": {"client_ip_address": "198.51.100.24"},
    "resource_id": MACHINE,
    "operation_name": {"value": RUN},
    "properties": PROPERTIES,
    "status": {"value": "Succeeded"},
    "event_timestamp": "2026-03-02T09:15:02.123456Z",
    "subscription_id": SUBSCRIPTION,
    "tenant_id": SAMPLE["tenantId"],
}

COLUMNS: View = {
    "TenantId": "the workspace, not the tenant",
    "TimeGenerated": "2026-03-02T09:15:02.1234567Z",
    "OperationNameValue": RUN.upper(),
    "CategoryValue": "Administrative",
    "ActivityStatusValue": "Success",
    "ActivitySubstatusValue": "",
    "Caller": "platform-ops@contoso.example",
    "CallerIpAddress": "198.51.100.24",
    "CorrelationId": CORRELATION,
    "Authorization": orjson.dumps(AUTHORIZATION, option=orjson.OPT_INDENT_2).decode(),
    "Claims": orjson.dumps(CLAIMS).decode(),
    "Properties": orjson.dumps(PROPERTIES).decode(),
    "ResourceGroup": "payments",
    "SubscriptionId": SUBSCRIPTION,
    "_ResourceId": MACHINE.lower(),
    "Type": "AzureActivity",
}

SHAPES = {"Event Hub": SAMPLE, "REST": REST, "REST in snake case": SNAKE, "Log Analytics": COLUMNS}
OTHERS = {name: view for name, view in SHAPES.items() if name != "Event Hub"}


def value(view: View, name: str, vocabulary: str = "raw", source: Source = ACTIVITYLOGS) -> Any:  # noqa: ANN401
    place: Any = source.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def folded(found: Any) -> Any:  # noqa: ANN401
    """As the matcher compares terms: case apart; of several spellings the first."""
    one = found[0] if isinstance(found, list) and len({str(item).casefold() for item in found}) == 1 else found
    return one.casefold() if isinstance(one, str) else one


@pytest.mark.parametrize("view", SHAPES.values(), ids=SHAPES)
def test_an_entry_is_recognised_and_read_in_every_shape(view: View) -> None:
    (event,) = read_document(1, orjson.dumps(view), received_us=NOW_US)
    assert isinstance(event, Event), event
    assert (event.source.name, event.time_us, event.remarks) == ("azure.activitylogs", 1_772_442_902_123_456, ())


@pytest.mark.parametrize("view", OTHERS.values(), ids=OTHERS)
def test_event_and_operation_ids_are_equal_in_every_shape(view: View) -> None:
    assert ACTIVITYLOGS.event_id(view) == ACTIVITYLOGS.event_id(SAMPLE)
    assert ACTIVITYLOGS.operation_id(view) == ACTIVITYLOGS.operation_id(SAMPLE)
    assert str(ACTIVITYLOGS.event_id(view)).startswith(f"{CORRELATION}:")


def test_start_and_end_are_two_events_of_one_operation() -> None:
    start = {**SAMPLE, "resultType": "Start", "time": "2026-03-02T09:14:31.0000001Z"}
    started = {**REST, "status": {"value": "Started"}, "eventTimestamp": "2026-03-02T09:14:31.0000001Z"}
    assert ACTIVITYLOGS.operation_id(start) == ACTIVITYLOGS.operation_id(SAMPLE)
    assert ACTIVITYLOGS.event_id(start) != ACTIVITYLOGS.event_id(SAMPLE)
    assert ACTIVITYLOGS.event_id(start) == ACTIVITYLOGS.event_id(started)


@pytest.mark.parametrize(
    "change",
    [
        {"operationName": "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE"},
        {"resourceId": MACHINE + "-2"},
        {"correlationId": "0" * 36},
    ],
)
def test_other_operations_have_other_ids(change: dict[str, object]) -> None:
    """One correlation id covers every operation of a deployment."""
    other = {**SAMPLE, **change}
    assert ACTIVITYLOGS.event_id(other) != ACTIVITYLOGS.event_id(SAMPLE)
    assert ACTIVITYLOGS.operation_id(other) != ACTIVITYLOGS.operation_id(SAMPLE)


def test_without_a_correlation_id_each_entry_is_an_operation_and_says_so() -> None:
    (event,) = read_document(1, orjson.dumps({**SAMPLE, "correlationId": None}), received_us=NOW_US)
    assert isinstance(event, Event)
    assert event.operation_id == event.id
    assert event.remarks == ("no correlation id: the start and the end of its operation count twice",)


def test_ids_stay_short_and_harmless_whatever_stands_in_a_resource_id() -> None:
    hostile = {**SAMPLE, "resourceId": "/subscriptions/" + "/\\#?\x00\x1f\ud800é'\"" * 200, "correlationId": "../#?"}
    for found in (ACTIVITYLOGS.event_id(hostile), ACTIVITYLOGS.operation_id(hostile)):
        assert found is not None
        assert len(found) == 32
        assert found.isalnum()


NAMES = [
    "action", "actor", "outcome", "source.ip", "account", "resource", "time",
    "operationName", "OperationNameValue", "operationName.value", "resourceId", "ResourceId", "category",
    "CategoryValue", "ResourceProviderValue", "resourceProviderName.value", "resultType", "ActivityStatusValue",
    "status.value", "ActivityStatus", "callerIpAddress", "CallerIpAddress", "httpRequest.clientIpAddress", "caller",
    "properties.message", "properties.entity", "Properties.message", "authorization.scope",
    "identity.authorization.evidence.role", "claims.appid", "correlationId", "subscriptionId", "ResourceGroup",
]  # fmt: skip
ELASTIC = [
    "event.action", "azure.activitylogs.operation_name", "event.outcome", "azure.activitylogs.result_type",
    "azure.activitylogs.category", "azure.activitylogs.event_category", "azure.correlation_id",
    "azure.subscription_id", "azure.resource.name", "azure.resource.group", "azure.resource.provider", "source.ip",
    "azure.activitylogs.identity.authorization.evidence.principal_id",
    "azure.activitylogs.identity.authorization.evidence.principal_type",
    "azure.activitylogs.identity.claims_initiated_by_user.name", "azure.activitylogs.identity.claims.appid",
    "azure.activitylogs.properties.status_code", "azure.activitylogs.properties.message", "user.name", "user.email",
]  # fmt: skip


@pytest.mark.parametrize("shape", OTHERS)
@pytest.mark.parametrize(
    ("name", "vocabulary"), [*((name, "raw") for name in NAMES), *((name, "ecs") for name in ELASTIC)]
)
def test_a_name_means_the_same_in_every_shape(name: str, vocabulary: str, shape: str) -> None:
    here = folded(value(SAMPLE, name, vocabulary))
    there = folded(value(SHAPES[shape], name, vocabulary))
    if name == "time":
        here, there = (found and read_time(found) for found in (here.upper(), there.upper()))
    assert here not in (None, "", [])
    assert there == here


def test_the_common_vocabulary_is_complete_and_reads_the_sample() -> None:
    assert set(ACTIVITYLOGS.common) == set(COMMON)
    found = {name: value(SAMPLE, name, "common") for name in COMMON}
    assert found["actor"] == "platform-ops@contoso.example"
    assert found["action"] == RUN.upper()
    assert (found["outcome"], found["source.ip"], found["account"]) == ("success", "198.51.100.24", SUBSCRIPTION)
    assert found["resource"] == MACHINE.upper().replace(SUBSCRIPTION, SUBSCRIPTION.upper())
    assert found["id"] == ACTIVITYLOGS.event_id(SAMPLE)


def test_elastics_upper_case_questions_hold_where_the_shape_writes_mixed_case() -> None:
    """KQL minds the case, and Elastic's rules are written for the Event Hub."""
    assert value(SAMPLE, "event.action", "ecs") == RUN.upper()
    assert value(REST, "event.action", "ecs") == [RUN, RUN.upper()]


@pytest.mark.parametrize(
    ("status", "hub", "rest", "outcome"),
    [
        ("Started", "Start", "Started", None),
        ("success", "Success", "Succeeded", "success"),
        ("FAILED", "Failure", "Failed", "failure"),
        ("Accept", "Accept", "Accepted", None),
        ("Active", "Active", "Active", None),
        (17, 17, 17, None),
    ],
)
def test_statuses_have_both_vocabularies(status: object, hub: object, rest: object, outcome: str | None) -> None:
    view = {**SAMPLE, "resultType": status}
    assert (value(view, "resultType"), value(view, "status.value"), value(view, "outcome")) == (hub, rest, outcome)


def test_signatures_are_put_together_and_taken_apart() -> None:
    assert value({**SAMPLE, "resultSignature": "Succeeded.Created"}, "subStatus.value") == "Created"
    assert value({**REST, "subStatus": {"value": "Created"}}, "resultSignature") == "Succeeded.Created"


def test_a_resource_id_is_taken_apart_as_elastic_does() -> None:
    key = MACHINE.replace("Compute/virtualMachines/pay-01", "EventHub/namespaces/logs/authorizationRules/root")
    view = {**SAMPLE, "resourceId": key}
    names = ("provider", "name", "namespace", "authorization_rule")
    assert [value(view, f"azure.resource.{name}", "ecs") for name in names] == [
        "Microsoft.EventHub", None, "logs", "root",
    ]  # fmt: skip
    disk = {**SAMPLE, "resourceId": MACHINE + "/extensions/script"}
    assert value(disk, "azure.resource.name", "ecs") == "pay-01/extensions/script"


def test_properties_that_are_json_in_a_text_are_read() -> None:
    view = {**SAMPLE, "properties": orjson.dumps({"message": "m", "requestbody": '{"a": 1}'}).decode()}
    assert value(view, "properties.message") == "m"
    assert value(view, "properties.requestbody") == '{"a": 1}', "text in every shape stays text"


@pytest.mark.parametrize(
    "view",
    [
        {**SAMPLE, "category": "StorageRead", "operationName": "GetBlob"},
        {**SAMPLE, "category": "AuditEvent", "operationName": "VaultGet"},
        {"time": "2026-03-02T09:15:02Z", "operationName": "x", "category": None},
        {"operationName": {"localizedValue": "x"}, "category": {"value": 3}},
        {"records": []},
        {},
    ],
)
def test_other_logs_of_the_same_hub_are_no_activity(view: View) -> None:
    assert not recognise(view)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("11/14/2025 1:48:53 AM", "2025-11-14T01:48:53Z"),
        ("11/14/2025 12:48:53 AM", "2025-11-14T00:48:53Z"),
        ("1/9/2007 12:41:00 PM", "2007-01-09T12:41:00Z"),
        ("01/09/2007 21:41:00", "2007-01-09T21:41:00Z"),
        ("1/9/2007 10:41:00 AM +01:00", "2007-01-09T09:41:00Z"),
        ("2007-01-09T09:41:00.535404056Z", "2007-01-09T09:41:00.535404Z"),
        ("2025-01-15 09:30:20.123", "2025-01-15T09:30:20.123Z"),
    ],
)
def test_local_times_are_read_month_first(text: str, iso: str) -> None:
    found, wanted = read_azure_time(text), read_time(iso)
    assert found is not None
    assert wanted is not None
    assert found.us == wanted.us


@pytest.mark.parametrize(
    "text", ["14/11/2025 01:48:53", "11/14/2025 13:48:53 PM", "11/14/25 01:48:53", "2/30/2026 01:00:00", "x", ""]
)
def test_times_that_would_have_to_be_guessed_are_refused(text: str) -> None:
    assert read_azure_time(text) is None


def test_a_local_time_is_remarked_upon() -> None:
    (event,) = read_document(1, orjson.dumps({**SAMPLE, "time": "3/2/2026 9:15:02 AM"}), received_us=NOW_US)
    assert isinstance(event, Event)
    assert event.remarks == (
        "the time is in a local format: taken as month/day/year",
        "the time names no zone: taken as UTC",
    )


@pytest.mark.parametrize("time", [None, "soon", {}, [], True])
def test_an_entry_without_a_time_is_a_reject_that_says_what_it_needs(time: object) -> None:
    (reject,) = read_document(1, orjson.dumps({**SAMPLE, "time": time}), received_us=NOW_US)
    assert isinstance(reject, Reject)
    assert "azure.activitylogs: no time that can be read: needs time or eventTimestamp" in reject.reason


@pytest.mark.parametrize(
    ("text", "host", "ip"),
    [
        ("198.51.100.24", "198.51.100.24", "198.51.100.24"),
        ("198.51.100.24:12345", "198.51.100.24", "198.51.100.24"),
        ("[2001:db8::1]:443", "2001:db8::1", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.0/8", "127.0.0.0/8", None),
        ("[", "[", None),
        ("", None, None),
    ],
)
def test_addresses_lose_their_port(text: str, host: str | None, ip: str | None) -> None:
    assert (without_port(text), address(text)) == (host, ip)
