"""The log source ``yandex.audit``: Yandex Cloud Audit Trails, management and data events."""

from __future__ import annotations

from types import MappingProxyType

from firstseen.sources import yandex_audit_values as values
from firstseen.sources.source import Source, View
from firstseen.sources.times import read_time
from firstseen.sources.yandex_audit_names import COMMON_NAMES, KNOWN_FIELDS, NAMES


def recognise(view: View) -> bool:
    """True for an event of Audit Trails: its type begins with ``yandex.cloud.``."""
    name = view.get("event_type")
    return isinstance(name, str) and name.startswith(values.PREFIX)


def event_id(view: View) -> str | None:
    """``event_id``: the start and the end of an operation have different ones."""
    found = view.get("event_id")
    return found if isinstance(found, str) and found else None


def time_us(view: View) -> int | None:
    """``event_time``, whose nanoseconds are cut off below a microsecond."""
    found = read_time(view.get("event_time"))
    return None if found is None else found.us


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: nobody who acted, no request id, a time without a zone."""
    found = []
    if values.actor(view) is None:
        found.append("no authentication.subject_id: rules that ask who acted cannot match")
    if values.operation_id(view) is None:
        found.append("no request_metadata.request_id: the start and the end of its operation count twice")
    time = read_time(view.get("event_time"))
    if time is not None and not time.zoned and isinstance(view.get("event_time"), str):
        found.append("the time names no zone: taken as UTC")
    return tuple(found)


SAMPLE: View = {
    "event_id": "fhmevt0example0start01",
    "event_source": "compute",
    "event_type": "yandex.cloud.audit.compute.UpdateInstance",
    "event_time": "2026-03-02T09:15:02.281547936Z",
    "authentication": {
        "authenticated": True,
        "subject_type": "FEDERATED_USER_ACCOUNT",
        "subject_id": "ajeexampleuser000001",
        "subject_name": "ada@contoso.example",
        "federation_id": "bpfexamplefed0000001",
        "federation_name": "contoso",
        "federation_type": "PRIVATE_FEDERATION",
    },
    "authorization": {"authorized": True},
    "resource_metadata": {
        "path": [
            {
                "resource_type": "organization-manager.organization",
                "resource_id": "bpfexampleorg0000001",
                "resource_name": "contoso",
            },
            {
                "resource_type": "resource-manager.cloud",
                "resource_id": "b1gexamplecloud00001",
                "resource_name": "payments",
            },
            {
                "resource_type": "resource-manager.folder",
                "resource_id": "b1gexamplefolder0001",
                "resource_name": "production",
            },
        ],
    },
    "request_metadata": {
        "remote_address": "198.51.100.24",
        "user_agent": "yc/0.158.0 linux/amd64",
        "request_id": "5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
    },
    "event_status": "DONE",
    "details": {
        "instance_id": "fhmexamplevm00000001",
        "instance_name": "pay-01",
        "zone_id": "ru-central1-a",
        "platform_id": "standard-v3",
        "metadata_keys": ["ssh-keys", "user-data"],
        "service_account_id": "ajeexampleaccount001",
        "os": {"type": "LINUX"},
        "metadata_options": {
            "gce_http_endpoint": "ENABLED",
            "aws_v1_http_endpoint": "ENABLED",
            "gce_http_token": "ENABLED",
            "aws_v1_http_token": "DISABLED",
        },
        "resources": {"memory": "2147483648", "cores": "2", "core_fraction": "100"},
        "network_interfaces": [
            {
                "index": "0",
                "subnet_id": "e9bexamplesubnet0001",
                "primary_v4_address": {"address": "10.128.0.18"},
                "security_group_ids": ["enpexamplegroup00001"],
            },
        ],
    },
    "request_parameters": {"instance_id": "fhmexamplevm00000001", "update_mask": "labels"},
    "response": {"operation_id": "fhmexampleoperation1"},
}

YANDEX_AUDIT = Source(
    name="yandex.audit",
    logsource=MappingProxyType({"product": "yandex", "service": "audit"}),
    dataset="yandex.audit",
    provider="Yandex",
    index=("event_type", "event_source"),
    required=("event_type", "event_source", "event_time", "event_id"),
    recognise=recognise,
    event_id=event_id,
    operation_id=values.operation_id,
    time=time_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=frozenset(),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='event_time as in "2026-03-02T09:15:02.281547936Z"',
)
