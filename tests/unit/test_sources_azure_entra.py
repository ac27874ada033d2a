"""Sign-ins and audit events of Entra ID in their shapes, and the names that Sigma's and Elastic's rules use."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.sources.azure_auditlogs import AUDITLOGS
from firstseen.sources.azure_auditlogs import SAMPLE as AUDIT
from firstseen.sources.azure_auditlogs import recognise as is_audit
from firstseen.sources.azure_signinlogs import SAMPLE as SIGN_IN
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.azure_signinlogs import recognise as is_sign_in
from firstseen.sources.event import Event
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, Source, View

NOW_US = 1_780_000_000_000_000
INNER = SIGN_IN["properties"]


def columns(inner: View, **changed: object) -> View:
    """An entry as Log Analytics keeps it: its columns in capitals, what is no plain value as JSON text."""
    found = {
        name[:1].upper() + name[1:]: orjson.dumps(value).decode() if isinstance(value, dict | list) else value
        for name, value in inner.items()
    }
    return {**found, **changed}


SIGN_INS: dict[str, View] = {
    "Event Hub": SIGN_IN,
    "Graph": dict(INNER),
    "Log Analytics": columns(
        {name: value for name, value in INNER.items() if name not in {"ipAddress", "location", "resourceId"}},
        Type="SigninLogs", TimeGenerated=SIGN_IN["time"], OperationName="Sign-in activity", ResultType="50126",
        ResultDescription=SIGN_IN["resultDescription"], Location="DE", IPAddress="198.51.100.24",
        LocationDetails=orjson.dumps(INNER["location"]).decode(), ResourceIdentity=INNER["resourceId"],
        AADTenantId=SIGN_IN["tenantId"], Category="SignInLogs", Identity=SIGN_IN["identity"],
    ),
}  # fmt: skip
AUDITS: dict[str, View] = {
    "Event Hub": AUDIT,
    "Graph": {
        **{name: value for name, value in AUDIT["properties"].items() if name != "userAgent"},
        "tenantId": AUDIT["tenantId"],
    },
    "Log Analytics": columns(
        AUDIT["properties"], Type="AuditLogs", TimeGenerated=AUDIT["time"], OperationName=AUDIT["operationName"],
        AADTenantId=AUDIT["tenantId"], AADOperationType="Assign", Identity=AUDIT["identity"],
    ),
}  # fmt: skip
SHAPES = [(SIGNINLOGS, SIGN_INS), (AUDITLOGS, AUDITS)]
COPIES = [
    pytest.param(source, shapes["Event Hub"], view, id=f"{source.name}, {name}")
    for source, shapes in SHAPES
    for name, view in shapes.items()
]


def value(source: Source, view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = source.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found


@pytest.mark.parametrize(("source", "usual", "view"), COPIES)
def test_an_event_is_the_same_in_every_shape(source: Source, usual: View, view: View) -> None:
    (event,) = read_document(1, orjson.dumps(view), received_us=NOW_US)
    assert isinstance(event, Event), event
    assert event.source is source
    assert event.remarks == ()
    assert (event.id, event.operation_id, event.time_us) == (
        source.event_id(usual), source.operation_id(usual), source.time(usual),
    )  # fmt: skip


SIGN_IN_NAMES = [
    "actor", "action", "outcome", "source.ip", "account", "region", "resource", "user_agent", "id",
    "ResultType", "resultType", "Status", "ResultDescription", "Resultdescription", "Username", "ClientApp", "AppId",
    "properties.appId", "appDisplayName", "AuthenticationRequirement", "conditionalAccessStatus", "IsInteractive",
    "DeviceDetail.isCompliant", "DeviceDetail.deviceId", "DeviceDetail.trusttype", "DeviceDetail", "HomeTenantId",
    "ResourceTenantId", "ResourceDisplayName", "RiskState", "RiskLevelDuringSignIn", "userAgent", "UserAgent",
    "CrossTenantAccessType", "AutonomousSystemNumber", "Location", "UserPrincipalName", "properties.status.errorCode",
    "properties.authenticationProtocol", "IPAddress", "ActivityDetails", "category", "CorrelationId",
    "AuthenticationDetails.authenticationMethod", "properties.message",
]  # fmt: skip
SIGN_IN_ELASTIC = [
    "event.outcome", "event.action", "source.ip", "user.name", "user.email", "user.id", "user_agent.original",
    "azure.tenant_id", "azure.correlation_id", "azure.signinlogs.result_type", "azure.signinlogs.category",
    *(
        f"azure.signinlogs.properties.{name}"
        for name in (
            "app_id", "app_display_name", "user_principal_name", "user_type", "risk_level_during_signin",
            "risk_level_aggregated", "created_at", "authentication_protocol", "original_transfer_method",
            "device_detail.browser", "device_detail.is_compliant", "resource_display_name", "resource_id",
            "status.error_code", "incoming_token_type", "conditional_access_status", "is_interactive",
            "authentication_details.authenticationMethod", "processing_time_ms", "unique_token_identifier",
        )
    ),
]  # fmt: skip
AUDIT_NAMES = [
    "actor", "action", "outcome", "account", "resource", "user_agent", "id", "OperationName", "operationName",
    "ActivityDisplayName", "activityType", "Category", "category", "LoggedByService", "Status", "properties.result",
    "properties.message", "properties.targetType", "TargetResources.modifiedProperties.newValue",
    "targetResources.type", "properties.targetResources.displayName", "TargetResources", "InitiatedBy",
    "InitiatedBy.user.userPrincipalName", "modifiedProperties.Role.DisplayName", "additionalDetails.User-Agent",
    "AADOperationType", "correlationId",
]  # fmt: skip
AUDIT_ELASTIC = [
    "event.action", "event.outcome", "azure.correlation_id", "azure.tenant_id", "user_agent.original", "source.ip",
    *(
        f"azure.auditlogs.properties.{name}"
        for name in (
            "activity_display_name", "category", "result", "operation_type", "logged_by_service", "id",
            "initiated_by.user.userPrincipalName", "target_resources.0.display_name",
            "target_resources.0.modified_properties.1.new_value", "additional_details.value",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "name", "vocabulary"),
    [
        *((SIGNINLOGS, name, "raw") for name in SIGN_IN_NAMES),
        *((SIGNINLOGS, name, "ecs") for name in SIGN_IN_ELASTIC),
        *((AUDITLOGS, name, "raw") for name in AUDIT_NAMES),
        *((AUDITLOGS, name, "ecs") for name in AUDIT_ELASTIC),
    ],
)
def test_a_name_means_the_same_in_every_shape(source: Source, name: str, vocabulary: str) -> None:
    shapes = next(shapes for one, shapes in SHAPES if one is source)
    here = value(source, shapes["Event Hub"], name, vocabulary)
    assert here is not None
    for shape, view in shapes.items():
        there = value(source, view, name, vocabulary)
        assert str(there) == str(here), shape


@pytest.mark.parametrize("source", [SIGNINLOGS, AUDITLOGS], ids=lambda one: one.name)
def test_the_common_vocabulary_is_complete(source: Source) -> None:
    assert set(source.common) == set(COMMON)
    lacking = {name for name in COMMON if value(source, source.sample, name, "common") is None}
    assert lacking == ({"region"} if source is AUDITLOGS else set()), "an audit event has no place"


def test_computed_values_of_a_sign_in() -> None:
    assert value(SIGNINLOGS, SIGN_IN, "Status") == ["Failure", "Failed"]
    assert value(SIGNINLOGS, {**SIGN_IN, "resultType": 0}, "Status") == ["Success"]
    flow = {**SIGN_IN, "properties": {**INNER, "authenticationProtocol": "deviceCode"}}
    assert value(SIGNINLOGS, flow, "properties.message")[0] == "Device Code"


def test_a_sign_in_that_comes_again_with_its_end_is_another_event() -> None:
    end = {**SIGN_IN, "resultType": "0"}
    assert SIGNINLOGS.event_id(end) != SIGNINLOGS.event_id(SIGN_IN)
    assert str(SIGNINLOGS.event_id(end)) == f"{INNER['id']}:0"


def test_the_time_of_a_sign_in_is_when_it_was_begun() -> None:
    later = {**SIGN_IN, "time": "2026-03-02T11:00:00Z"}
    assert SIGNINLOGS.time(later) == SIGNINLOGS.time(SIGN_IN)
    alone = {**SIGN_IN, "properties": {}, "time": "11/14/2025 1:48:53 AM"}
    assert SIGNINLOGS.time(alone) == 1_763_084_933_000_000


@pytest.mark.parametrize(
    ("view", "category"),
    [
        ({"category": "ManagedIdentitySignInLogs", "properties": {}}, "ManagedIdentitySignInLogs"),
        ({"Type": "AADServicePrincipalSignInLogs"}, "ServicePrincipalSignInLogs"),
        ({"Type": "AADNonInteractiveUserSignInLogs"}, "NonInteractiveUserSignInLogs"),
        ({**INNER, "signInEventTypes": ["servicePrincipal"]}, "ServicePrincipalSignInLogs"),
        ({**INNER, "isInteractive": False}, "NonInteractiveUserSignInLogs"),
        (dict(INNER), "SignInLogs"),
    ],
)
def test_the_four_sign_in_logs_are_told_apart(view: View, category: str) -> None:
    assert is_sign_in(view)
    assert value(SIGNINLOGS, view, "category") == category


def test_who_signed_in_is_a_user_a_service_principal_or_an_identity() -> None:
    properties = {"userPrincipalName": "", "userId": None, "servicePrincipalId": "sp-1", "appId": "app-1"}
    view = {"category": "ManagedIdentitySignInLogs", "properties": properties}
    assert value(SIGNINLOGS, view, "actor") == "sp-1"


def test_computed_values_of_an_audit_event() -> None:
    assert value(AUDITLOGS, AUDIT, "properties.targetType") == ["ServicePrincipal", "Service Principal"]
    assert value(AUDITLOGS, AUDIT, "modifiedProperties.Role.DisplayName") == ["Global Administrator"]
    assert value(AUDITLOGS, AUDIT, "resource") == ["release@contoso.example"]
    consent = {"displayName": "ConsentContext.IsAdminConsent", "newValue": '"False"'}
    view = {"category": "AuditLogs", "properties": {"targetResources": [{"modifiedProperties": [consent]}]}}
    assert value(AUDITLOGS, view, "ConsentContext.IsAdminConsent") == ["False"]


def test_names_of_activities_are_asked_for_as_the_portal_shows_them() -> None:
    """Entra ends one with a blank and writes a dash where rules have a hyphen."""
    view = {"category": "AuditLogs", "operationName": "Update application \u2013 Certificates "}
    assert "Update application - Certificates" in value(AUDITLOGS, view, "properties.message")


def test_numbers_of_targets_that_an_event_lacks_are_absent() -> None:
    head = "azure.auditlogs.properties.target_resources"
    for name in ("1.display_name", "0.modified_properties.9.new_value", "9999.id"):
        assert value(AUDITLOGS, AUDIT, f"{head}.{name}", "ecs") is None
    assert f"{head}.0.nothing" not in AUDITLOGS.ecs
    assert f"{head}.1.modified_properties.0.old_value" in list(AUDITLOGS.ecs)


@pytest.mark.parametrize(
    "view",
    [
        {"category": "AuditEvent", "operationName": "VaultGet"},
        {"category": "kube-audit", "properties": {"log": "{}"}},
        {"activityDisplayName": "x"},
        {"properties": "activityDisplayName"},
        {"createdDateTime": "2026-03-02T09:15:02Z", "status": {}, "id": "an object of Graph that is no sign-in"},
        {},
    ],
)
def test_other_logs_are_neither(view: View) -> None:
    assert not is_audit(view)
    assert not is_sign_in(view)
