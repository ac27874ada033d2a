"""The log source ``azure.activitylogs``: what was done to the resources of a subscription, and who did it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import azure_activity_values as values
from firstseen.sources.azure_activity_names import CASELESS, COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.azure_places import first, text
from firstseen.sources.azure_times import time_remarks, time_us
from firstseen.sources.source import Source, View

CATEGORIES = frozenset((
    "administrative", "servicehealth", "resourcehealth", "alert", "autoscale", "recommendation", "security", "policy",
    "write", "delete", "action",
))  # fmt: skip
"""Of the Activity Log, folded; Write, Delete and Action are older. Resource logs in the same hub have others."""

_correlation = first(values.CORRELATIONS).function


def recognise(view: View) -> bool:
    """True for an entry of the Activity Log in any shape."""
    operation = view.get("operationName", view.get("operation_name"))
    if isinstance(operation, Mapping):
        timed = "eventTimestamp" in view or "event_timestamp" in view
        return isinstance(operation.get("value"), str) and (timed or _categorised(view))
    if isinstance(operation, str) and operation:
        return _categorised(view) if "category" in view else "/" in operation and "correlationId" in view
    return isinstance(view.get("OperationNameValue"), str) and ("TimeGenerated" in view or "CategoryValue" in view)


def _categorised(view: View) -> bool:
    category = view.get("category")
    if isinstance(category, Mapping):
        category = category.get("value")
    return isinstance(category, str) and category.casefold() in CATEGORIES


def _time(view: View) -> int | None:
    return time_us(values.when(view))


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: no correlation id, a time in a local format or without a zone."""
    found = list(time_remarks(values.when(view)))
    if not text(_correlation(view)):
        found.append("no correlation id: the start and the end of its operation count twice")
    return tuple(found)


_RESOURCE = (
    "/SUBSCRIPTIONS/6B0C1E7A-2D34-4F58-9A01-3C5D7E9F1B20/RESOURCEGROUPS/PAYMENTS/PROVIDERS/MICROSOFT.COMPUTE"
    "/VIRTUALMACHINES/PAY-01"
)

SAMPLE: View = {
    "time": "2026-03-02T09:15:02.1234567Z",
    "resourceId": _RESOURCE,
    "operationName": "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION",
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.",
    "durationMs": "31250",
    "callerIpAddress": "198.51.100.24",
    "correlationId": "2f6d1c3b-7a58-4e90-b1d2-5c8e0f4a6b71",
    "identity": {
        "authorization": {
            "scope": (
                "/subscriptions/6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20/resourceGroups/payments/providers"
                "/Microsoft.Compute/virtualMachines/pay-01"
            ),
            "action": "Microsoft.Compute/virtualMachines/runCommand/action",
            "evidence": {
                "role": "Virtual Machine Contributor",
                "roleAssignmentScope": "/subscriptions/6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20",
                "roleAssignmentId": "0d9c2b7e5f41436a8b1e7c3d5a90f264",
                "roleDefinitionId": "9980e02cc2be4d73b5c8b40d1b5e9a11",
                "principalId": "4e1a7c92b6d34f0589c2d1e3f5a7b960",
                "principalType": "User",
            },
        },
        "claims": {
            "aud": "https://management.core.windows.net/",
            "iss": "https://sts.windows.net/c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f/",
            "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "ipaddr": "198.51.100.24",
            "name": "Platform operations",
            "http://schemas.microsoft.com/identity/claims/objectidentifier": "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960",
            "http://schemas.microsoft.com/identity/claims/tenantid": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "platform-ops@contoso.example",
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "platform-ops@contoso.example",
        },
    },
    "level": "Information",
    "properties": {
        "eventCategory": "Administrative",
        "entity": (
            "/subscriptions/6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20/resourceGroups/payments/providers"
            "/Microsoft.Compute/virtualMachines/pay-01"
        ),
        "message": "Microsoft.Compute/virtualMachines/runCommand/action",
        "hierarchy": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f/6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20",
        "statusCode": "OK",
    },
    "tenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
}

ACTIVITYLOGS = Source(
    name="azure.activitylogs",
    logsource=MappingProxyType({"product": "azure", "service": "activitylogs"}),
    dataset="azure.activitylogs",
    provider="Azure",
    # As the Event Hub writes them. Entries of other shapes are read the slow way.
    index=("operationName", "category"),
    required=("operationName", "category", "time"),
    recognise=recognise,
    event_id=values.event_id,
    operation_id=values.operation_id,
    time=_time,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=CASELESS,
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='time or eventTimestamp as in "2026-03-02T09:15:02.1234567Z"',
)
