"""What the fields of Microsoft 365's audit log are called: in its shapes, by Elastic and Sigma, and in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from firstseen.sources import m365_audit_values as values
from firstseen.sources.azure_places import Names, Open, at, computed, constant, first
from firstseen.sources.source import Accessor, Derived

BAGS = ("Parameters", "ExtendedProperties", "OperationProperties", "DeviceProperties")
"""Lists of names and values."""
CHANGES = "ModifiedProperties"

_FIELDS = (
    "Id", "RecordType", "CreationTime", "Operation", "OrganizationId", "UserType", "UserKey", "Workload",
    "ResultStatus", "ObjectId", "UserId", "ClientIP", "Scope", "ExternalAccess",
    "OriginatingServer", "OrganizationName", "LogonType", "InternalLogonType", "MailboxGuid", "MailboxOwnerUPN",
    "MailboxOwnerSid", "LogonUserSid", "LogonUserDisplayName", "ClientInfoString", "ClientProcessName",
    "ClientVersion", "ClientAppId", "AppId", "AppPoolName", "SessionId", "Site", "SiteUrl", "ItemType",
    "EventSource", "SourceFileName", "SourceFileExtension", "SourceRelativeUrl", "UserAgent", "ListItemUniqueId",
    "WebId", "ListId", "CorrelationId", "TargetUserOrGroupName", "TargetUserOrGroupType", "UniqueSharingId",
    "AzureActiveDirectoryEventType", "ActorContextId", "InterSystemsId", "IntraSystemId", "TargetContextId",
    "ApplicationId", "ApplicationDisplayName", "ErrorNumber", "LogonError", "Version", "Name", "Severity",
    "AlertId", "AlertType", "Category", "Source", "TeamName", "TeamGuid", "ChannelName", "CommunicationType",
    "ResultReasonType", "DeviceId",
)  # fmt: skip
"""Single values."""
_OBJECTS = (
    "AppAccessContext", "Actor", "Target", "Item", "Folder", "Folders", "AffectedItems", "ExchangeMetaData", "Members",
    "SharePointMetaData", "Data",
)  # fmt: skip
"""Objects and lists of them, which Log Analytics keeps as JSON text."""

_READS = "Parameters ExtendedProperties properties"


def _field(name: str) -> Derived:
    return first(values.places(name))


def _tops(*names: str) -> str:
    found = (place.partition(".")[0] for name in names for place in values.places(name).split())
    return " ".join(dict.fromkeys(found))


_ACTOR = computed(_tops("UserId", "UserKey"), values.actor)
_ACTION = computed(_tops("Operation", "Workload"), values.action)
_OUTCOME = computed(
    _tops("ResultStatus", "Operation"), values.outcome, lambda said: ("True",) if said == "success" else ("Failed",)
)
_ADDRESS = computed(_tops("ClientIP"), values.caller_address)
_IP = computed(_tops("ClientIP"), values.caller_ip)
_TENANT = computed(f"{_tops('OrganizationId')} OfficeTenantId tenantId", values.tenant)
_AGENT = computed(f"UserAgent ClientInfoString {_READS}", values.UserAgent())
_RESOURCE = computed(f"{_tops('ObjectId')} Parameters", values.resource)
_WHEN = computed("CreationTime TimeGenerated @timestamp properties", values.when)

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _ACTOR,
        "action": _ACTION,
        "outcome": _OUTCOME,
        "source.ip": _ADDRESS,
        "account": _TENANT,
        "region": computed("", lambda _view: None),
        "resource": _RESOURCE,
        "user_agent": _AGENT,
        "time": _WHEN,
        "id": _field("Id"),
    }
)


def _bag(bag: str) -> Open:
    return lambda name: Derived((bag, "properties"), values.Bag(bag, name))


def _change(name: str) -> Accessor | None:
    """``ModifiedProperties.NAME`` is what it was changed to; ``.NewValue`` and ``.OldValue`` say which."""
    stem, dot, part = name.rpartition(".")
    if dot and part in {"NewValue", "OldValue"}:
        return Derived((CHANGES, "properties"), values.Bag(CHANGES, stem, part))
    return Derived((CHANGES, "properties"), values.Bag(CHANGES, name, "NewValue"))


def _object(name: str) -> Open:
    return lambda rest: at((name, *rest.split(".")), (*values.WRAPPED, name, *rest.split(".")))


def _wholly(prefix: str) -> dict[str, Open]:
    made: dict[str, Open] = {f"{prefix}{bag}.": _bag(bag) for bag in BAGS}
    made[f"{prefix}{CHANGES}."] = _change
    made.update({f"{prefix}{name}.": _object(name) for name in _OBJECTS})
    return made


def _named(prefix: str, make: Callable[[str], Accessor]) -> dict[str, Accessor]:
    return {f"{prefix}{name}": make(name) for name in _FIELDS}


_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("o365.audit"),
        "data_stream.dataset": constant("o365.audit"),
        "event.module": constant("o365"),
        "event.kind": constant("event"),
        "event.provider": _field("Workload"),
        "event.action": _field("Operation"),
        "event.code": _field("RecordType"),
        "event.id": _field("Id"),
        "event.outcome": _OUTCOME,
        "user.id": _field("UserId"),
        "user.name": _ACTOR,
        "user.email": _field("UserId"),
        "client.ip": _IP,
        "client.address": _ADDRESS,
        "source.ip": _IP,
        "source.address": _ADDRESS,
        "organization.id": _TENANT,
        "organization.name": _field("OrganizationName"),
        "user_agent.original": _AGENT,
        "file.name": _field("SourceFileName"),
        "file.extension": _field("SourceFileExtension"),
        "url.original": _field("ObjectId"),
        "rule.name": computed("Parameters properties", values.Bag("Parameters", "Name")),
        **_named("o365.audit.", _field),
    }
)

NAMES = Names(
    _ECS,
    {
        **_named("", _field),
        **{column: _field(name) for name, columns in values.COLUMNS.items() for column in columns.split()},
        "OfficeTenantId": _TENANT,
        # Sigma's rules ask so, after the page of audit events in the portal.
        "eventName": _field("Operation"),
        "eventSource": _field("Workload"),
        "status": _OUTCOME,
    },
    {**_wholly(""), **_wholly("o365.audit.")},
)
"""Elastic's names, the raw ones in all shapes, and what stands in the bags by its name."""

KNOWN_FIELDS = frozenset((
    *BAGS, CHANGES, *_OBJECTS, "TenantId", "Type", "SourceSystem", "TimeGenerated", "ElevationTime", "Start_Time",
))  # fmt: skip
"""Fields with a single place. All others are names of :data:`NAMES`."""
