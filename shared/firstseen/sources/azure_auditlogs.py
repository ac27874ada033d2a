"""The log source ``azure.auditlogs``: changes to users, groups, roles, applications and policies of Entra ID."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import azure_audit_values as values
from firstseen.sources.azure_audit_names import CASELESS, COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.azure_places import opened
from firstseen.sources.azure_times import time_remarks
from firstseen.sources.source import Source, View

CATEGORY = "auditlogs"
"""The Event Hub's category of every audit event, folded."""


def recognise(view: View) -> bool:
    """True for an audit event of Entra ID in any shape.

    Kubernetes, Key Vault and others have audit logs too: their categories are ``kube-audit`` and ``AuditEvent``.
    """
    for key in ("category", "Type"):
        found = view.get(key)
        if isinstance(found, str) and found.casefold() == CATEGORY:
            # An empty name leads to the name in the properties: a decoder of two keys cannot say what the event is.
            return view.get("operationName") != "" or len(view) > len(AUDITLOGS.index)
    properties = opened(view.get("properties"))
    if isinstance(properties, Mapping) and isinstance(properties.get("activityDisplayName"), str):
        return "loggedByService" in properties or "activityDateTime" in properties
    if isinstance(view.get("activityDisplayName"), str):
        return "activityDateTime" in view and ("loggedByService" in view or "initiatedBy" in view)
    return isinstance(view.get("LoggedByService"), str) and ("OperationName" in view or "ActivityDisplayName" in view)


def remarks(view: View) -> tuple[str, ...]:
    """What is odd about the time."""
    return time_remarks(values.when(view))


SAMPLE: View = {
    "time": "2026-03-02T09:03:27.6120944Z",
    "resourceId": "/tenants/c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f/providers/Microsoft.aadiam",
    "operationName": "Add member to role",
    "operationVersion": "1.0",
    "category": "AuditLogs",
    "tenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
    "resultSignature": "None",
    "durationMs": 0,
    "callerIpAddress": "198.51.100.24",
    "correlationId": "e0a7b1c4-6f29-4d83-8b5e-31c9d7f0a264",
    "identity": "Platform operations",
    "Level": 4,
    "properties": {
        "id": "Directory_e0a7b1c4-6f29-4d83-8b5e-31c9d7f0a264_4XQ2A_118203377",
        "category": "RoleManagement",
        "correlationId": "e0a7b1c4-6f29-4d83-8b5e-31c9d7f0a264",
        "result": "success",
        "resultReason": "",
        "activityDisplayName": "Add member to role",
        "activityDateTime": "2026-03-02T09:03:27.6120944+00:00",
        "loggedByService": "Core Directory",
        "operationType": "Assign",
        "userAgent": "python-requests/2.32.3",
        "initiatedBy": {
            "user": {
                "id": "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960",
                "displayName": "Platform operations",
                "userPrincipalName": "platform-ops@contoso.example",
                "ipAddress": "198.51.100.24",
                "roles": [],
            },
        },
        "targetResources": [
            {
                "id": "b27c5f10-94e3-4d6a-a1f8-7e0c2d9b3564",
                "displayName": "Release pipeline",
                "type": "ServicePrincipal",
                "userPrincipalName": "release@contoso.example",
                "modifiedProperties": [
                    {
                        "displayName": "Role.ObjectID",
                        "oldValue": None,
                        "newValue": '"1f0c8a35-7d26-4be9-93a0-c5e4d8b7f612"',
                    },
                    {"displayName": "Role.DisplayName", "oldValue": None, "newValue": '"Global Administrator"'},
                ],
            },
        ],
        "additionalDetails": [{"key": "User-Agent", "value": "python-requests/2.32.3"}],
    },
}

AUDITLOGS = Source(
    name="azure.auditlogs",
    logsource=MappingProxyType({"product": "azure", "service": "auditlogs"}),
    dataset="azure.auditlogs",
    provider="Azure",
    # As the Event Hub writes them. Graph's and Log Analytics' are read the slow way.
    index=("operationName", "category"),
    required=("operationName", "category", "time"),
    recognise=recognise,
    event_id=values.event_id,
    operation_id=values.event_id,
    time=values.occurred_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=CASELESS,
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='activityDateTime or time as in "2026-03-02T09:03:27.6120944Z"',
)
