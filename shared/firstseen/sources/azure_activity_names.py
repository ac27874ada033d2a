"""What the fields of the Activity Log are called: in its shapes, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from firstseen.sources import azure_activity_values as values
from firstseen.sources.azure_places import Names, at, below, computed, constant, first, rows, text
from firstseen.sources.source import Accessor, Derived

_CLAIM_KEYS = ("identity", "claims", "Claims_d", "Claims")
_STATUS_KEYS = "resultType status ActivityStatusValue ActivityStatus"
_SIGNATURE_KEYS = f"resultSignature subStatus sub_status ActivitySubstatusValue {_STATUS_KEYS}"
_RESOURCE_KEYS = values.RESOURCES
_SCOPE_KEYS = f"{values.SUBSCRIPTIONS} {values.GROUPS} {_RESOURCE_KEYS}"
_PROVIDER_KEYS = (
    "resourceProviderName resource_provider_name ResourceProviderValue operationName operation_name OperationNameValue"
)

_WHEN = computed(values.TIMES, values.when)
_OPERATION = first(values.OPERATIONS)
_RESOURCE = first(values.RESOURCES)
_ACTOR = computed(values.IDENTITY_KEYS, values.actor)
_ADDRESS = computed("callerIpAddress httpRequest http_request CallerIpAddress", values.caller_address)
_IP = computed("callerIpAddress httpRequest http_request CallerIpAddress", values.caller_ip)
_OUTCOME = computed(f"{_STATUS_KEYS} properties", values.outcome, values.suggested_status)
_HUB_STATUS = computed(_STATUS_KEYS, values.hub_status, values.suggested_status)
_REST_STATUS = computed(_STATUS_KEYS, values.rest_status, values.suggested_status)
_SUBSCRIPTION = computed(_SCOPE_KEYS, values.subscription, values.suggested_subscription)
_GROUP = computed(_SCOPE_KEYS, values.group, values.suggested_group)
_ID = computed(
    f"{values.TIMES} {_RESOURCE_KEYS} {_STATUS_KEYS} {values.CORRELATIONS} "
    "operationName operation_name OperationNameValue",
    values.event_id,
)

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _ACTOR,
        "action": _OPERATION,
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": computed(f"{_SCOPE_KEYS} tenantId tenant_id", values.account, values.suggested_subscription),
        "region": ("location",),
        "resource": _RESOURCE,
        "user_agent": first("properties.userAgent httpRequest.userAgent"),
        "time": _WHEN,
        "id": _ID,
    }
)

_AUTHORIZATION = "scope action role evidence.role evidence.roleAssignmentScope evidence.roleAssignmentId \
    evidence.roleDefinitionId evidence.principalId evidence.principalType"

_RAW: dict[str, Accessor] = {
    **dict.fromkeys(values.TIMES.split(), _WHEN),
    **rows(
        f"""
        {values.OPERATIONS}
        {values.RESOURCES}
        {values.CORRELATIONS}
        {values.ADDRESSES}
        category category.value CategoryValue
        level Level
        tenantId tenant_id
        eventName.value event_name.value
        eventDataId event_data_id EventDataId
        operationId operation_id OperationId
        resourceType.value resource_type.value
        submissionTimestamp submission_timestamp EventSubmissionTimestamp
        """
    ),
    **rows(
        """
        identity.authorization authorization Authorization_d Authorization
        identity.claims claims Claims_d Claims
        properties Properties_d Properties
        httpRequest http_request HTTPRequest
        """,
        whole=True,
    ),
    **{
        f"{place}.{name}": first(" ".join(f"{one}.{name}" for one in values.AUTHORIZATIONS))
        for name in _AUTHORIZATION.split()
        for place in values.AUTHORIZATIONS
    },
    "resultType": _HUB_STATUS,
    "ActivityStatusValue": _HUB_STATUS,
    "status.value": _REST_STATUS,
    "status": _REST_STATUS,
    "ActivityStatus": _REST_STATUS,
    "resultSignature": computed(_SIGNATURE_KEYS, values.signature),
    **dict.fromkeys(values.SUBSTATUSES.split(), computed(_SIGNATURE_KEYS, values.substatus)),
    **dict.fromkeys(values.SUBSCRIPTIONS.split(), _SUBSCRIPTION),
    **dict.fromkeys(values.GROUPS.split(), _GROUP),
    **dict.fromkeys(values.PROVIDERS.split(), computed(_PROVIDER_KEYS, values.provider)),
    **dict.fromkeys(("caller", "Caller"), _ACTOR),
}


def _claim(name: str) -> Derived:
    return Derived(_CLAIM_KEYS, values.Claim(name))


def _part(name: str) -> Derived:
    return Derived(tuple(_RESOURCE_KEYS.split()), values.ResourcePart(name))


_SNAKE = {
    "evidence.roleAssignmentScope": "evidence.role_assignment_scope",
    "evidence.roleAssignmentId": "evidence.role_assignment_id",
    "evidence.roleDefinitionId": "evidence.role_definition_id",
    "evidence.principalId": "evidence.principal_id",
    "evidence.principalType": "evidence.principal_type",
}
_BY_USER = "azure.activitylogs.identity.claims_initiated_by_user"
_XML = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_OPERATIONS = replace(
    computed("operationName operation_name OperationNameValue", values.operations_written), plain="operationName"
)
_WRITTEN_RESOURCE = computed(f"{_RESOURCE_KEYS} operationName", values.resources_written)
_MESSAGE = at(*((place, "statusMessage") for place in values.PROPERTIES))
_IDENTITY_NAME = computed("identity", lambda view: text(view.get("identity")))
_USER_NAME = computed(" ".join(_CLAIM_KEYS), lambda view: values.user_part(view, 0))

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("azure.activitylogs"),
        "data_stream.dataset": constant("azure.activitylogs"),
        "event.module": constant("azure"),
        "event.kind": constant("event"),
        "cloud.provider": constant("azure"),
        "cloud.account.id": _SUBSCRIPTION,
        "event.action": _OPERATIONS,
        "event.outcome": _OUTCOME,
        "event.id": _ID,
        "message": _MESSAGE,
        "log.level": first("level Level"),
        "geo.name": ("location",),
        "source.ip": _IP,
        "client.ip": _IP,
        "source.address": _ADDRESS,
        "user.name": _USER_NAME,
        "user.domain": computed(" ".join(_CLAIM_KEYS), lambda view: values.user_part(view, 1)),
        "user.email": _claim(f"{_XML}name"),
        "user.full_name": _claim("name"),
        "azure.correlation_id": first(values.CORRELATIONS),
        "azure.tenant_id": first("tenantId tenant_id"),
        "azure.subscription_id": _SUBSCRIPTION,
        "azure.resource.id": _WRITTEN_RESOURCE,
        "azure.resource.group": _GROUP,
        **{f"azure.resource.{name}": _part(name) for name in ("provider", "name", "namespace", "authorization_rule")},
        "azure.activitylogs.operation_name": _OPERATIONS,
        "azure.activitylogs.result_type": _HUB_STATUS,
        "azure.activitylogs.result_signature": computed(_SIGNATURE_KEYS, values.signature),
        "azure.activitylogs.category": first("category category.value CategoryValue"),
        "azure.activitylogs.event_category": computed("properties Properties_d Properties", values.event_category),
        "azure.activitylogs.tenant_id": first("tenantId tenant_id"),
        "azure.activitylogs.operation_version": ("operationVersion",),
        "azure.activitylogs.identity_name": _IDENTITY_NAME,
        f"{_BY_USER}.fullname": _claim("name"),
        f"{_BY_USER}.name": _claim(f"{_XML}name"),
        f"{_BY_USER}.givenname": _claim(f"{_XML}givenname"),
        f"{_BY_USER}.surname": _claim(f"{_XML}surname"),
        **{
            f"azure.activitylogs.identity.authorization.{_SNAKE.get(name, name)}": _RAW[f"authorization.{name}"]
            for name in _AUTHORIZATION.split()
        },
        **{
            f"azure.activitylogs.properties.{name}": at(*((place, raw) for place in values.PROPERTIES))
            for name, raw in (("status_code", "statusCode"), ("service_request_id", "serviceRequestId"))
        },
    }
)

_properties = below(*((place,) for place in values.PROPERTIES))

NAMES = Names(
    _ECS,
    _RAW,
    {
        "azure.activitylogs.properties.": _properties,
        "azure.activitylogs.identity.claims.": _claim,
        **{f"{place}.": _properties for place in values.PROPERTIES},
        **{f"{place}.": _claim for place in values.CLAIMS},
    },
)
"""Elastic's names and the raw names that depend on the shape."""

CASELESS = frozenset((
    "action", "operationName", "operationName.value", "operation_name.value", "OperationNameValue", "event.action",
    "azure.activitylogs.operation_name", "resource", "resourceId", "resource_id", "ResourceId", "_ResourceId",
    "azure.resource.id", "azure.resource.name", "azure.resource.group", "azure.resource.provider",
    "azure.resource.namespace", "azure.resource.authorization_rule", "actor", "caller", "Caller", "user.name",
    "user.email", "user.domain", "account", "resourceGroupName", "resource_group_name", "ResourceGroup",
    "resourceProviderName.value", "resource_provider_name.value", "ResourceProviderValue", "authorization",
    "identity.authorization", "Authorization", "identity.authorization.scope", "authorization.scope",
    "Authorization.scope", "identity.authorization.action", "authorization.action", "Authorization.action",
    "azure.activitylogs.identity.authorization.scope", "azure.activitylogs.identity.authorization.action",
    "correlationId", "correlation_id", "CorrelationId", "azure.correlation_id", "level", "Level", "log.level",
    "category", "category.value", "CategoryValue", "properties.entity", "Properties.entity",
))  # fmt: skip

KNOWN_FIELDS = frozenset((
    "identity", "operationVersion", "durationMs", "location", "releaseVersion", "roleLocation", "uri", "channels",
    "description", "id", "eventName.localizedValue", "operationName.localizedValue", "category.localizedValue",
    "status.localizedValue", "subStatus.localizedValue", "resourceProviderName.localizedValue",
    "resourceType.localizedValue", "httpRequest.clientRequestId", "httpRequest.method", "httpRequest.uri", "Type",
    "SourceSystem", "Hierarchy", "Resource", "ResourceProvider", "OperationName", "Category", "ActivitySubstatus",
    "relatedEvents",
))  # fmt: skip
"""Fields that only one shape has; the others are among :data:`NAMES`."""
