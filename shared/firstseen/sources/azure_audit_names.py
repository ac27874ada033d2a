"""What the fields of an Entra ID audit event are called: in its shapes, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import azure_audit_values as values
from firstseen.sources.azure_entra import elastic, entra, fields
from firstseen.sources.azure_places import Names, below, computed, constant, first
from firstseen.sources.source import Accessor, Derived

_TEXTS = (
    "id", "activityDateTime", "activityDisplayName", "correlationId", "loggedByService", "result", "resultReason",
    "userAgent",
)  # fmt: skip
_INITIATORS = (
    "user.id", "user.userPrincipalName", "user.displayName", "user.ipAddress", "user.roles", "app.appId",
    "app.displayName", "app.servicePrincipalId", "app.servicePrincipalName",
)  # fmt: skip
_TARGET_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "display_name": "displayName",
        "id": "id",
        "type": "type",
        "group_type": "groupType",
        "ip_address": "ipAddress",
        "user_principal_name": "userPrincipalName",
    }
)
_CHANGE_KEYS: Mapping[str, str] = MappingProxyType(
    {"new_value": "newValue", "old_value": "oldValue", "display_name": "displayName"}
)

LISTED_TARGETS = 3
LISTED_CHANGES = 5
"""Elastic numbers objects and their properties; names up to these numbers are listed, higher ones found as well."""

_TARGETS = "properties targetResources TargetResources"
_DETAILS = "properties additionalDetails AdditionalDetails userAgent UserAgent"
_WHO = "properties initiatedBy InitiatedBy identity Identity InitiatingUserOrApp"
_FROM = "properties initiatedBy InitiatedBy callerIpAddress CallerIpAddress"

_WHEN = computed("properties activityDateTime ActivityDateTime time TimeGenerated @timestamp", values.when)
_OPERATION = first(values.OPERATIONS)
_OUTCOME = computed("properties result Result", values.outcome)
_ADDRESS = computed(_FROM, values.caller_address)
_IP = computed(_FROM, values.caller_ip)
_TENANT = computed("tenantId AADTenantId properties resourceId ResourceId", values.tenant)
_AGENT = computed(_DETAILS, values.user_agent)
_RESULT = first(values.RESULTS)
_KIND = entra("operationType", "AADOperationType")
_CORRELATION = first("correlationId properties.correlationId CorrelationId")
_CATEGORY = computed("properties category Category", values.category)
_REASON = first("properties.resultReason resultReason ResultReason resultDescription ResultDescription")

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": computed(_WHO, values.actor),
        "action": _OPERATION,
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": _TENANT,
        "region": ("location",),
        "resource": computed(_TARGETS, values.targets),
        "user_agent": _AGENT,
        "time": _WHEN,
        "id": entra("id"),
    }
)


def _changed(name: str) -> Derived:
    return Derived(tuple(_TARGETS.split()), values.NewValue(name))


def _detail(key: str) -> Derived:
    return Derived(tuple(_DETAILS.split()), values.Detail(key))


_RAW: dict[str, Accessor] = {
    **fields(_TEXTS),
    **fields(f"initiatedBy.{name}" for name in _INITIATORS),
    **fields(("targetResources", "additionalDetails", "initiatedBy"), whole=True),
    **dict.fromkeys(("operationName", "OperationName", "activityType", "ActivityType"), _OPERATION),
    **dict.fromkeys(("properties.operationType", "operationType", "AADOperationType", "OperationType"), _KIND),
    **dict.fromkeys(("Status", "status", "properties.result", "result", "Result"), _RESULT),
    **dict.fromkeys(("category", "Category", "properties.category"), _CATEGORY),
    **dict.fromkeys(("correlationId", "CorrelationId"), _CORRELATION),
    **dict.fromkeys(("callerIpAddress", "CallerIpAddress"), _ADDRESS),
    **dict.fromkeys(("tenantId", "AADTenantId"), _TENANT),
    **dict.fromkeys(("time", "TimeGenerated"), _WHEN),
    **dict.fromkeys(("resultDescription", "ResultDescription", "failure_status_reason"), _REASON),
    "properties.message": computed(f"{values.OPERATIONS.replace('properties.activityDisplayName', 'properties')}",
                                   values.message),
    "properties.targetType": computed(_TARGETS, values.target_types),
    "Initiatedby": entra("initiatedBy", whole=True),
    "Target": COMMON_NAMES["resource"],
    "TargetResources.ModifiedProperties.DisplayName": entra("targetResources.modifiedProperties.displayName"),
    "TargetResources.ModifiedProperties.NewValue": entra("targetResources.modifiedProperties.newValue"),
    "properties": first("properties", whole=True),
}  # fmt: skip


def _details_at(rest: str) -> Accessor:
    return entra(f"additionalDetails.{rest}") if rest in {"key", "value"} else _detail(rest)


_PROPERTIES = "azure.auditlogs.properties"


def _numbered(rest: str) -> Accessor | None:
    """``0.display_name`` and ``0.modified_properties.1.new_value``."""
    match rest.split("."):
        case [target, key] if target.isdecimal() and key in _TARGET_KEYS:
            return Derived(tuple(_TARGETS.split()), values.Numbered(int(target[:4]), _TARGET_KEYS[key]))
        case [target, "modified_properties", change, key] if (
            target.isdecimal() and change.isdecimal() and key in _CHANGE_KEYS
        ):
            place = values.Numbered(int(target[:4]), _CHANGE_KEYS[key], int(change[:4]))
            return Derived(tuple(_TARGETS.split()), place)
    return None


_NUMBERED_NAMES = tuple(
    f"{target}.{rest}"
    for target in range(LISTED_TARGETS)
    for rest in (
        *_TARGET_KEYS,
        *(f"modified_properties.{change}.{key}" for change in range(LISTED_CHANGES) for key in _CHANGE_KEYS),
    )
)

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("azure.auditlogs"),
        "data_stream.dataset": constant("azure.auditlogs"),
        "event.module": constant("azure"),
        "event.kind": constant("event"),
        "cloud.provider": constant("azure"),
        "event.action": _OPERATION,
        "event.outcome": _OUTCOME,
        "event.id": entra("id"),
        "source.ip": _IP,
        "client.ip": _IP,
        "source.address": _ADDRESS,
        "user.id": entra("initiatedBy.user.id"),
        "user.email": entra("initiatedBy.user.userPrincipalName"),
        "user_agent.original": _AGENT,
        "log.level": first("level Level"),
        "azure.correlation_id": _CORRELATION,
        "azure.tenant_id": _TENANT,
        "azure.resource.id": first("resourceId ResourceId"),
        "azure.auditlogs.operation_name": _OPERATION,
        "azure.auditlogs.operation_version": first("operationVersion OperationVersion"),
        "azure.auditlogs.category": constant("AuditLogs"),
        "azure.auditlogs.identity": first("identity Identity"),
        "azure.auditlogs.tenant_id": _TENANT,
        "azure.auditlogs.level": first("level Level"),
        "azure.auditlogs.result_signature": first("resultSignature ResultSignature"),
        "azure.auditlogs.result_description": first("resultDescription ResultDescription"),
        **elastic(_PROPERTIES, _TEXTS, {"activityDateTime": "activity_datetime"}),
        f"{_PROPERTIES}.result": _RESULT,
        f"{_PROPERTIES}.result_reason": _REASON,
        f"{_PROPERTIES}.category": _CATEGORY,
        f"{_PROPERTIES}.operation_type": _KIND,
        f"{_PROPERTIES}.additional_details.key": entra("additionalDetails.key"),
        f"{_PROPERTIES}.additional_details.value": entra("additionalDetails.value"),
        f"{_PROPERTIES}.additional_details.user_agent": _AGENT,
        **{f"{_PROPERTIES}.initiated_by.{name}": entra(f"initiatedBy.{name}") for name in _INITIATORS},
        **{
            f"{_PROPERTIES}.target_resources.{name}": place
            for name in _NUMBERED_NAMES
            if (place := _numbered(name)) is not None
        },
    }
)

NAMES = Names(
    _ECS,
    _RAW,
    {
        f"{_PROPERTIES}.target_resources.": _numbered,
        "ConsentContext.": lambda rest: _changed(f"ConsentContext.{rest}"),
        "modifiedProperties.": _changed,
        **{
            prefix: below(*values.TARGETS)
            for prefix in ("properties.targetResources.", "targetResources.", "TargetResources.")
        },
        "properties.additionalDetails.": _details_at,
        "additionalDetails.": _details_at,
        "AdditionalDetails.": _details_at,
    },
)
"""Elastic's names and the raw names that depend on the shape."""


CASELESS = frozenset((
    "actor", "account", "user.email", f"{_PROPERTIES}.initiated_by.user.userPrincipalName", "initiatedBy",
    *(f"{head}.user.userPrincipalName" for head in ("properties.initiatedBy", "initiatedBy", "InitiatedBy")),
    "resourceId", "ResourceId", "azure.resource.id", "azure.tenant_id", "azure.auditlogs.tenant_id",
))  # fmt: skip

KNOWN_FIELDS = frozenset((
    "resourceId", "ResourceId", "operationVersion", "OperationVersion", "resultSignature", "ResultSignature",
    "resultType", "ResultType", "durationMs", "DurationMs", "identity", "Identity", "Level", "level", "Type",
    "SourceSystem", "ResourceGroup", "Resource", "location", "properties.tenantId", "properties.authenticationProtocol",
    "InitiatingUserOrApp",
))  # fmt: skip
"""Fields that only one shape has; the others are among :data:`NAMES`."""
