"""What the fields of a sign-in are called: in its shapes, by Elastic, and in the common vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import azure_signin_values as values
from firstseen.sources.azure_entra import column, elastic, entra, fields, snake
from firstseen.sources.azure_places import Names, below, computed, constant, first
from firstseen.sources.source import Accessor

_TEXTS = (
    "id", "createdDateTime", "userDisplayName", "userPrincipalName", "userId", "userType", "appId", "appDisplayName",
    "ipAddress", "clientAppUsed", "userAgent", "correlationId", "conditionalAccessStatus", "originalRequestId",
    "isInteractive", "tokenIssuerName", "tokenIssuerType", "processingTimeInMilliseconds", "riskDetail",
    "riskLevelAggregated", "riskLevelDuringSignIn", "riskState", "riskEventTypes", "riskEventTypes_v2",
    "resourceDisplayName", "resourceTenantId", "homeTenantId", "homeTenantName", "authenticationRequirement",
    "authenticationProtocol", "autonomousSystemNumber", "crossTenantAccessType", "flaggedForReview",
    "isTenantRestricted", "incomingTokenType", "uniqueTokenIdentifier", "servicePrincipalId", "servicePrincipalName",
    "servicePrincipalCredentialKeyId", "servicePrincipalCredentialThumbprint", "ssoExtensionVersion",
    "alternateSignInName", "clientCredentialType", "federatedCredentialId", "isThroughGlobalSecureAccess",
    "globalSecureAccessIpAddress", "originalTransferMethod", "signInEventTypes", "signInIdentifier",
    "signInIdentifierType", "signInTokenProtectionStatus", "sessionId", "sourceAppClientId",
    "resourceServicePrincipalId", "ipAddressFromResourceProvider", "appServicePrincipalId", "redirectUrl",
    "agent.agentSubjectType", "agent.agentType",
    "tokenProtectionStatusDetails.signInSessionStatus", "tenantId",
    "deviceDetail.deviceId", "deviceDetail.displayName", "deviceDetail.operatingSystem", "deviceDetail.browser",
    "deviceDetail.isCompliant", "deviceDetail.isManaged", "deviceDetail.trustType",
    "status.errorCode", "status.failureReason", "status.additionalDetails",
)  # fmt: skip
"""Fields with plain values, as Graph names them."""

_OBJECTS = (
    "deviceDetail", "appliedConditionalAccessPolicies", "authenticationDetails", "authenticationMethodsUsed",
    "authenticationProcessingDetails", "authenticationRequirementPolicies", "networkLocationDetails", "mfaDetail",
    "sessionLifetimePolicies", "privateLinkDetails", "managedServiceIdentity", "authenticationContextClassReferences",
)  # fmt: skip
"""Fields that hold objects or lists of them; rules search their JSON."""

_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "createdDateTime": "created_at",
        "processingTimeInMilliseconds": "processing_time_ms",
        "riskLevelDuringSignIn": "risk_level_during_signin",
    }
)

_RESULT_KEYS = "resultType ResultType properties status Status"
_WHO_KEYS = (
    "properties userPrincipalName UserPrincipalName userId UserId servicePrincipalId ServicePrincipalId appId AppId"
)
_ADDRESSES = "callerIpAddress properties.ipAddress ipAddress IPAddress"
_ADDRESS_KEYS = "callerIpAddress properties ipAddress IPAddress"
_WHEN_KEYS = "properties createdDateTime CreatedDateTime time TimeGenerated @timestamp"
_TENANTS = "tenantId properties.tenantId AADTenantId properties.resourceTenantId resourceTenantId ResourceTenantId"

_WHEN = computed(_WHEN_KEYS, values.when)
_OUTCOME = computed(_RESULT_KEYS, values.outcome, values.suggested_result)
_SAID = computed(_RESULT_KEYS, values.said, values.suggested_result)
_CORRELATION = first("correlationId properties.correlationId CorrelationId")
_RESULT = computed(_RESULT_KEYS, values.result)
_REASON = first(
    "resultDescription properties.status.failureReason status.failureReason ResultDescription Status.failureReason"
)
_DETAILS = first("properties.status.additionalDetails status.additionalDetails Status.additionalDetails")
_ADDRESS = computed(_ADDRESS_KEYS, values.caller_address)
_IP = computed(_ADDRESS_KEYS, values.caller_ip)
_ID = computed(f"{_RESULT_KEYS} id Id", values.event_id)
_COUNTRY = first(
    "properties.location.countryOrRegion location.countryOrRegion LocationDetails.countryOrRegion location Location"
)
_OPERATION = computed("operationName OperationName", values.operation)
_RESOURCE = entra("resourceDisplayName", "properties.resourceId", "ResourceIdentity")
_CATEGORY = computed(
    "category Category Type isInteractive IsInteractive signInEventTypes SignInEventTypes properties", values.category
)

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": computed(_WHO_KEYS, values.actor),
        "action": _OPERATION,
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": first(_TENANTS),
        "region": _COUNTRY,
        "resource": _RESOURCE,
        "user_agent": entra("userAgent"),
        "time": _WHEN,
        "id": _ID,
    }
)

_SIGMA: dict[str, Accessor] = {
    **dict.fromkeys(("resultType", "ResultType", "resulttype"), _RESULT),
    **dict.fromkeys(("resultDescription", "ResultDescription", "Resultdescription"), _REASON),
    **dict.fromkeys(("Status", "status", "authentication_result"), _SAID),
    **dict.fromkeys(("Username", "UserName", "AccountUPN"), entra("userPrincipalName")),
    **dict.fromkeys(("ClientApp", "clientApp"), entra("clientAppUsed")),
    **dict.fromkeys(("Location", "LocationIncl", "Country", "location"), _COUNTRY),
    **dict.fromkeys(("IPAddress", "callerIpAddress", "ipAddress", "properties.ipAddress"), first(_ADDRESSES)),
    **dict.fromkeys(("DeviceDetail.trusttype", "DeviceDetail.trustType"), entra("deviceDetail.trustType")),
    **dict.fromkeys(
        ("ResourceIdentity", "properties.resourceId"), first("properties.resourceId resourceId ResourceIdentity")
    ),
    **dict.fromkeys(("operationName", "OperationName"), _OPERATION),
    **dict.fromkeys(("category", "Category"), _CATEGORY),
    **dict.fromkeys(("time", "TimeGenerated"), _WHEN),
    "properties.message": computed(
        f"{_RESULT_KEYS} resultDescription ResultDescription authenticationProtocol AuthenticationProtocol",
        values.message,
        values.suggested_message,
    ),
    "ActivityDetails": computed("operationName OperationName", values.activity),
    "TargetResourceDisplayName": entra("resourceDisplayName"),
    "tenantId": first(_TENANTS),
    "AADTenantId": first(_TENANTS),
    "mfanotificationoutcome": _DETAILS,
    "properties": first("properties", whole=True),
}

_PROPERTIES = "azure.signinlogs.properties"

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("azure.signinlogs"),
        "data_stream.dataset": constant("azure.signinlogs"),
        "event.module": constant("azure"),
        "event.kind": constant("event"),
        "event.category": constant("authentication"),
        "cloud.provider": constant("azure"),
        "event.action": _OPERATION,
        "event.outcome": _OUTCOME,
        "event.id": entra("id"),
        "message": first(
            "properties.status.additionalDetails properties.status.failureReason resultDescription "
            "status.additionalDetails status.failureReason Status.additionalDetails Status.failureReason"
        ),
        "source.ip": _IP,
        "client.ip": _IP,
        "source.address": _ADDRESS,
        "user.id": entra("userId"),
        "user.name": computed(_WHO_KEYS, values.user_name),
        "user.domain": computed(_WHO_KEYS, values.user_domain),
        "user.email": entra("userPrincipalName"),
        "user.full_name": entra("userDisplayName"),
        "user_agent.original": entra("userAgent"),
        "log.level": first("Level level"),
        "azure.correlation_id": _CORRELATION,
        "azure.tenant_id": first(_TENANTS),
        "azure.resource.id": first("resourceId ResourceId"),
        "geo.country_iso_code": _COUNTRY,
        "geo.city_name": first("properties.location.city location.city LocationDetails.city"),
        "azure.signinlogs.operation_name": _OPERATION,
        "azure.signinlogs.operation_version": first("operationVersion OperationVersion"),
        "azure.signinlogs.category": _CATEGORY,
        "azure.signinlogs.identity": first("identity Identity"),
        "azure.signinlogs.tenant_id": first(_TENANTS),
        "azure.signinlogs.result_type": _RESULT,
        "azure.signinlogs.result_signature": first("resultSignature ResultSignature"),
        "azure.signinlogs.result_description": _REASON,
        "azure.signinlogs.caller_ip_address": _IP,
        **elastic(_PROPERTIES, _TEXTS, _RENAMED),
        **elastic(_PROPERTIES, _OBJECTS, _RENAMED, whole=True),
        f"{_PROPERTIES}.resource_id": _SIGMA["ResourceIdentity"],
        f"{_PROPERTIES}.status.error_code": _RESULT,
    }
)

_BELOW = ("appliedConditionalAccessPolicies", "authenticationDetails", "authenticationProcessingDetails",
          "authenticationRequirementPolicies", "networkLocationDetails", "mfaDetail")  # fmt: skip

NAMES = Names(
    _ECS,
    {
        **fields(_TEXTS),
        **fields(_OBJECTS, whole=True),
        **dict.fromkeys(("correlationId", "CorrelationId"), _CORRELATION),
        **_SIGMA,
    },
    {
        prefix: below(("properties", name), (name,), (column(name),))
        for name in _BELOW
        for prefix in (
            f"properties.{name}.", f"{name}.", f"{column(name)}.",
            f"{_PROPERTIES}.{snake(name)}.",
        )
    },
)  # fmt: skip
"""Elastic's names and the raw names that depend on the shape."""

CASELESS = frozenset((
    "actor", "userPrincipalName", "UserPrincipalName", "properties.userPrincipalName", "Username", "UserName",
    "AccountUPN", "user.name", "user.email", "user.domain", f"{_PROPERTIES}.user_principal_name", "account",
    "resourceId", "azure.resource.id",
))  # fmt: skip

KNOWN_FIELDS = frozenset((
    "resourceId", "ResourceId", "operationVersion", "OperationVersion", "resultSignature", "ResultSignature",
    "durationMs", "DurationMs", "identity", "Identity", "Level", "level", "Type", "SourceSystem", "ResourceGroup",
    "Resource", "properties.location", "properties.location.", "location.city", "location.state",
    "location.countryOrRegion", "LocationDetails", "LocationDetails.", "properties.status",
    "AlternateSignInName", "properties.rngcStatus", "properties.authenticationAppDeviceDetails.",
))  # fmt: skip
"""Fields that only one shape has; the others are among :data:`NAMES`."""
