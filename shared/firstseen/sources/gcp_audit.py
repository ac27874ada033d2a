"""The log source ``gcp.audit``: Google Cloud's audit logs: admin activity, data access, system events, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import gcp_audit_values as values
from firstseen.sources.gcp_audit_names import COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.gcp_envelopes import ROW
from firstseen.sources.source import Source, View
from firstseen.sources.times import read_time


def recognise(view: View) -> bool:
    """True for an entry of an audit log, by the log's name; without one, by what only such a payload has."""
    name = view.get("logName")
    if isinstance(name, str):
        return values.LOG in name and ROW not in view
    payload = view.get("protoPayload")
    return isinstance(payload, Mapping) and isinstance(payload.get("methodName"), str)


def time_us(view: View) -> int | None:
    """``timestamp``, whose nanoseconds are cut off below a microsecond."""
    found = read_time(view.get("timestamp"))
    return None if found is None else found.us


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: no payload, nobody who acted, a time without a zone."""
    found = []
    if not isinstance(view.get("protoPayload"), Mapping):
        found.append("no protoPayload: rules that ask for the call cannot match")
    elif values.actor(view) is None:
        found.append("no authenticationInfo.principalEmail: rules that ask who acted cannot match")
    time = read_time(view.get("timestamp"))
    if time is not None and not time.zoned and isinstance(view.get("timestamp"), str):
        found.append("the time names no zone: taken as UTC")
    return tuple(found)


SAMPLE: View = {
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "status": {},
        "authenticationInfo": {
            "principalEmail": "ada@contoso.example",
            "principalSubject": "user:ada@contoso.example",
            "oauthInfo": {"oauthClientId": "32555940559.apps.googleusercontent.com"},
        },
        "requestMetadata": {
            "callerIp": "198.51.100.24",
            "callerSuppliedUserAgent": "google-cloud-sdk gcloud/538.0.0 command/gcloud.compute.instances.create",
            "requestAttributes": {"time": "2026-03-02T09:15:02.512384Z", "auth": {}},
            "destinationAttributes": {},
        },
        "serviceName": "compute.googleapis.com",
        "methodName": "v1.compute.instances.insert",
        "authorizationInfo": [
            {
                "resource": "projects/payments-prod/zones/europe-west1-b/instances/pay-01",
                "permission": "compute.instances.create",
                "granted": True,
                "permissionType": "ADMIN_WRITE",
                "resourceAttributes": {
                    "service": "compute",
                    "name": "projects/payments-prod/zones/europe-west1-b/instances/pay-01",
                    "type": "compute.instances",
                },
            },
        ],
        "resourceName": "projects/payments-prod/zones/europe-west1-b/instances/pay-01",
        "request": {
            "@type": "type.googleapis.com/compute.instances.insert",
            "name": "pay-01",
            "machineType": "projects/payments-prod/zones/europe-west1-b/machineTypes/e2-standard-2",
            "disks": [
                {
                    "boot": True,
                    "autoDelete": True,
                    "initializeParams": {
                        "sourceImage": "projects/debian-cloud/global/images/debian-12-bookworm-v20260210",
                    },
                },
            ],
            "networkInterfaces": [{"network": "projects/payments-prod/global/networks/default"}],
            "serviceAccounts": [
                {
                    "email": "pay-runner@payments-prod.iam.gserviceaccount.com",
                    "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                },
            ],
        },
        "response": {
            "@type": "type.googleapis.com/operation",
            "name": "operation-1772442902281-64c0a1b2c3d4e-0a1b2c3d-4e5f6071",
            "status": "RUNNING",
        },
        "resourceLocation": {"currentLocations": ["europe-west1-b"]},
    },
    "insertId": "1x0example7d2a9",
    "resource": {
        "type": "gce_instance",
        "labels": {"instance_id": "5831047719264830112", "project_id": "payments-prod", "zone": "europe-west1-b"},
    },
    "timestamp": "2026-03-02T09:15:02.281547936Z",
    "severity": "NOTICE",
    "logName": "projects/payments-prod/logs/cloudaudit.googleapis.com%2Factivity",
    "operation": {
        "id": "operation-1772442902281-64c0a1b2c3d4e-0a1b2c3d-4e5f6071",
        "producer": "compute.googleapis.com",
        "first": True,
    },
    "receiveTimestamp": "2026-03-02T09:15:03.104775920Z",
}

GCP_AUDIT = Source(
    name="gcp.audit",
    logsource=MappingProxyType({"product": "gcp", "service": "gcp.audit"}),
    dataset="gcp.audit",
    provider="GCP",
    # The call lies below protoPayload. The log's name is what recognises an entry from a key at the top.
    index=("logName",),
    required=("logName", "timestamp", "insertId", "protoPayload"),
    recognise=recognise,
    event_id=values.event_id,
    operation_id=values.operation_id,
    time=time_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=frozenset(),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='timestamp as in "2026-03-02T09:15:02.281547936Z"',
)
