"""The log source ``azure.signinlogs``: sign-ins of users, service principals and managed identities to Entra ID."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import azure_signin_values as values
from firstseen.sources.azure_signin_names import CASELESS, COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.azure_times import time_remarks
from firstseen.sources.source import Source, View

CATEGORIES = frozenset((
    "signinlogs", "noninteractiveusersigninlogs", "serviceprincipalsigninlogs", "managedidentitysigninlogs",
    "adfssigninlogs",
))  # fmt: skip
"""Categories of the Event Hub and of Log Analytics, folded."""

_TABLES = frozenset((
    "signinlogs", "aadnoninteractiveusersigninlogs", "aadserviceprincipalsigninlogs", "aadmanagedidentitysigninlogs",
    "adfssigninlogs",
))  # fmt: skip


def recognise(view: View) -> bool:
    """True for a sign-in in any shape."""
    for key, names in (("category", CATEGORIES), ("Category", CATEGORIES), ("Type", _TABLES)):
        found = view.get(key)
        if isinstance(found, str) and found.casefold() in names:
            return True
    if view.get("@odata.type") == "#microsoft.graph.signIn":
        return True
    graph = isinstance(view.get("createdDateTime"), str) and isinstance(view.get("status"), Mapping)
    return graph and "appId" in view and ("userPrincipalName" in view or "servicePrincipalId" in view)


def remarks(view: View) -> tuple[str, ...]:
    """What is odd about the time."""
    return time_remarks(values.when(view))


SAMPLE: View = {
    "time": "2026-03-02T08:58:41.7735012Z",
    "resourceId": "/tenants/c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f/providers/Microsoft.aadiam",
    "operationName": "Sign-in activity",
    "operationVersion": "1.0",
    "category": "SignInLogs",
    "tenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
    "resultType": "50126",
    "resultSignature": "None",
    "resultDescription": "Error validating credentials due to invalid username or password.",
    "durationMs": 0,
    "callerIpAddress": "198.51.100.24",
    "correlationId": "7b1f0d55-3c86-4a2e-9f10-d4e8c2a6b937",
    "identity": "Platform operations",
    "Level": 4,
    "location": "DE",
    "properties": {
        "id": "9d3a4c61-52be-4f07-8a1d-6e2b90c7f500",
        "createdDateTime": "2026-03-02T08:57:12.4410987+00:00",
        "userDisplayName": "Platform operations",
        "userPrincipalName": "platform-ops@contoso.example",
        "userId": "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960",
        "appId": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "appDisplayName": "Microsoft Azure CLI",
        "ipAddress": "198.51.100.24",
        "status": {
            "errorCode": 50126,
            "failureReason": "Error validating credentials due to invalid username or password.",
            "additionalDetails": "The user didn't enter the right credentials.",
        },
        "clientAppUsed": "Mobile Apps and Desktop clients",
        "userAgent": "python-requests/2.32.3",
        "deviceDetail": {
            "deviceId": "",
            "displayName": "",
            "operatingSystem": "Linux",
            "browser": "Python Requests 2.32",
            "isCompliant": False,
            "isManaged": False,
            "trustType": "",
        },
        "location": {
            "city": "Frankfurt am Main",
            "state": "Hessen",
            "countryOrRegion": "DE",
            "geoCoordinates": {"latitude": 50.11, "longitude": 8.68},
        },
        "correlationId": "7b1f0d55-3c86-4a2e-9f10-d4e8c2a6b937",
        "conditionalAccessStatus": "notApplied",
        "appliedConditionalAccessPolicies": [],
        "authenticationDetails": [
            {
                "authenticationStepDateTime": "2026-03-02T08:57:12.4410987+00:00",
                "authenticationMethod": "Password",
                "authenticationMethodDetail": "Password in the cloud",
                "succeeded": False,
                "authenticationStepResultDetail": "Invalid username or password or invalid on-premises username.",
            },
        ],
        "authenticationProcessingDetails": [{"key": "Is CAE Token", "value": "False"}],
        "networkLocationDetails": [],
        "authenticationProtocol": "none",
        "authenticationRequirement": "singleFactorAuthentication",
        "autonomousSystemNumber": 64500,
        "crossTenantAccessType": "none",
        "homeTenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
        "resourceTenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
        "incomingTokenType": "none",
        "isInteractive": True,
        "originalRequestId": "9d3a4c61-52be-4f07-8a1d-6e2b90c7f500",
        "originalTransferMethod": "none",
        "processingTimeInMilliseconds": 184,
        "resourceDisplayName": "Windows Azure Service Management API",
        "resourceId": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        "riskDetail": "none",
        "riskEventTypes": [],
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "servicePrincipalId": "",
        "tokenIssuerType": "AzureAD",
        "uniqueTokenIdentifier": "YTokenExample0000000000",
        "userType": "Member",
    },
}

SIGNINLOGS = Source(
    name="azure.signinlogs",
    logsource=MappingProxyType({"product": "azure", "service": "signinlogs"}),
    dataset="azure.signinlogs",
    provider="Azure",
    # As the Event Hub writes them. Graph's and Log Analytics' are read the slow way.
    index=("category",),
    required=("category", "operationName", "time"),
    recognise=recognise,
    event_id=values.event_id,
    # Not the correlation id: it spans a whole session, and each of its sign-ins counts.
    operation_id=values.event_id,
    time=values.occurred_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=CASELESS,
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='createdDateTime or time as in "2026-03-02T08:58:41.7735012Z"',
)
