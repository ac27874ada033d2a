"""Events for the tests of the audit, as the logs write them."""

from __future__ import annotations

from typing import Any

NOW = "2026-10-15"
ACCOUNT = "111122223333"
ADA = f"arn:aws:iam::{ACCOUNT}:user/ada"
SUBSCRIPTION = "/subscriptions/6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20"
MACHINE = f"{SUBSCRIPTION}/resourcegroups/payments/providers/microsoft.compute/virtualmachines/pay-01"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
TENANT = "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f"

Raw = dict[str, Any]
_numbers = iter(range(10**6))


def aws(call: str, at: str = "2026-10-01T10:00:00Z", **more: object) -> Raw:
    """An event of CloudTrail: ``ssm:SendCommand``."""
    service, _, name = call.partition(":")
    return {
        "eventID": f"event-{next(_numbers)}",
        "eventTime": at,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.24",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": ADA, "accountId": ACCOUNT, "userName": "ada"},
        **more,
    }


def azure(operation: str, status: str, resource: str = MACHINE, **more: object) -> Raw:
    """An entry of the Activity Log, as an event hub delivers it."""
    return {
        "time": "2026-10-02T09:30:41.1234567Z",
        "resourceId": resource.upper(),
        "operationName": operation.upper(),
        "category": "Administrative",
        "resultType": status,
        "callerIpAddress": "198.51.100.24",
        "correlationId": "37261ebb-da81-5e22-bcaa-a2656e8cb981",
        "identity": {"claims": {UPN: "Bo@contoso.example", OID: "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960"}},
        **more,
    }


def sign_in(category: str = "SignInLogs", **properties: object) -> Raw:
    number = next(_numbers)
    return {
        "time": "2026-10-03T08:00:00Z",
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "category": category,
        "tenantId": TENANT,
        "resultType": "0",
        "callerIpAddress": "203.0.113.9",
        "properties": {
            "id": f"sign-in-{number}",
            "createdDateTime": "2026-10-03T08:00:00Z",
            "userPrincipalName": "bo@contoso.example",
            "userId": "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960",
            "appDisplayName": "Azure Portal",
            "authenticationRequirement": "singleFactorAuthentication",
            **properties,
        },
    }


def directory(activity: str, target: Raw, result: str = "success") -> Raw:
    return {
        "time": "2026-10-04T08:00:00Z",
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": activity,
        "category": "AuditLogs",
        "tenantId": TENANT,
        "properties": {
            "id": f"Directory_{next(_numbers)}",
            "activityDisplayName": activity,
            "activityDateTime": "2026-10-04T08:00:00Z",
            "result": result,
            "loggedByService": "Core Directory",
            "operationType": "Update",
            "initiatedBy": {"user": {"userPrincipalName": "eve@contoso.example", "id": "eve-id"}},
            "targetResources": [target],
        },
    }


def login(mfa: str, kind: str = "IAMUser", said: str = "Success") -> Raw:
    return aws(
        "signin:ConsoleLogin", userIdentity={"type": kind, "arn": ADA, "accountId": ACCOUNT},
        responseElements={"ConsoleLogin": said}, additionalEventData={"MFAUsed": mfa},
    )  # fmt: skip
