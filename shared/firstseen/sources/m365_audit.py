"""The log source ``m365.audit``: the unified audit log of Microsoft 365 (Exchange, SharePoint, Teams and more)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import m365_audit_values as values
from firstseen.sources.azure_places import opened
from firstseen.sources.azure_times import read_azure_time
from firstseen.sources.m365_audit_names import COMMON_NAMES, KNOWN_FIELDS, NAMES
from firstseen.sources.source import Source, View

_BESIDE = ("CreationTime", "RecordType", "TimeGenerated")
_TABLE = "OfficeActivity"


def recognise(view: View) -> bool:
    """True for a record of the unified audit log: an operation of a workload."""
    if _is_record(view):
        return True
    properties = opened(view.get("properties")) if "category" in view else None
    inner = opened(properties.get("RawEventData")) if isinstance(properties, Mapping) else None
    return isinstance(inner, Mapping) and _is_record(inner)


def _is_record(view: View) -> bool:
    if not isinstance(view.get("Operation"), str):
        return False
    if isinstance(view.get("OfficeWorkload"), str) or view.get("Type") == _TABLE:
        return True
    return isinstance(view.get("Workload"), str) and (
        len(view) == len(M365_AUDIT.index) or any(k in view for k in _BESIDE)
    )


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: nobody who acted, a time that is written in a local way. A missing zone is not: UTC is meant."""
    found = []
    if values.actor(view) is None:
        found.append("no UserId: rules that ask who acted cannot match")
    said = values.when(view)
    if isinstance(said, str) and "/" in said and read_azure_time(said) is not None:
        found.append("the time is in a local format: taken as month/day/year")
    return tuple(found)


SAMPLE: View = {
    "CreationTime": "2026-03-02T09:15:02",
    "Id": "5d0d9d3a-6f0e-4c7e-9c1f-08de781f2a10",
    "Operation": "Set-Mailbox",
    "OrganizationId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
    "RecordType": 1,
    "ResultStatus": "True",
    "UserKey": "ada@contoso.example",
    "UserType": 2,
    "Version": 1,
    "Workload": "Exchange",
    "ClientIP": "198.51.100.24:51820",
    "ObjectId": "contoso.example/Users/ben",
    "UserId": "ada@contoso.example",
    "AppId": "fb78d390-0c51-40cd-8e17-fdbfab77341b",
    "AppPoolName": "MSExchangeAdminApiNetCore",
    "ClientAppId": "",
    "ExternalAccess": False,
    "OrganizationName": "contoso.onmicrosoft.com",
    "OriginatingServer": "EXAMPLE01 (15.20.9000.010)",
    "Parameters": [
        {"Name": "Identity", "Value": "ben"},
        {"Name": "DeliverToMailboxAndForward", "Value": "True"},
    ],
    "ExtendedProperties": [],
    "SessionId": "8b3f6c1e-2f57-4a8e-9d6b-0c1d2e3f4a5b",
}

M365_AUDIT = Source(
    name="m365.audit",
    # Sigma names the part of the portal that shows an event, which no record says.
    logsource=MappingProxyType({"product": "m365", "service": "*"}),
    dataset="o365.audit",
    provider="M365",
    # As the Management Activity API writes them. Other shapes are read the slow way.
    index=("Operation", "Workload"),
    required=("Operation", "Workload", "CreationTime", "Id"),
    recognise=recognise,
    event_id=values.event_id,
    operation_id=values.event_id,
    time=values.occurred_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=frozenset({"actor", "UserId", "UserKey", "user.id", "user.name", "user.email", "MailboxOwnerUPN"}),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='CreationTime as in "2026-03-02T09:15:02"',
)
