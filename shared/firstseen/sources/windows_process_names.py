"""What the parts of a process's start are called: by Sysmon, by the Security log, by Elastic, and in common."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources import windows_process_data as data
from firstseen.sources import windows_process_values as values
from firstseen.sources.azure_places import Names, constant
from firstseen.sources.source import Accessor, Derived, View

_SYSMON = (
    "Image", "ParentImage", "CommandLine", "ParentCommandLine", "User", "ParentUser", "ProcessId",
    "ParentProcessId", "ProcessGuid", "ParentProcessGuid", "CurrentDirectory", "OriginalFileName", "IntegrityLevel",
    "LogonId", "LogonGuid", "TerminalSessionId", "Hashes", "Product", "Company", "Description", "FileVersion",
    "RuleName",
)  # fmt: skip
"""Sysmon's names: what Sigma's rules ask for."""
_SECURITY = (
    "NewProcessName", "ParentProcessName", "NewProcessId", "SubjectUserName", "SubjectDomainName", "SubjectUserSid",
    "SubjectLogonId", "TargetUserName", "TargetDomainName", "TargetUserSid", "TargetLogonId", "TokenElevationType",
    "MandatoryLabel", "UtcTime",
)  # fmt: skip
"""Names of the Security log, and others that are not translated."""

_TIMES = ("@timestamp", "TimeCreated", "TimeGenerated", "EventTime", "time")


def _field(name: str) -> Derived:
    more = (values.TRANSLATED[name],) if name in values.TRANSLATED else ()
    return Derived(tuple(dict.fromkeys((*data.READS, name, *more))), values.Field(name))


def _raw(name: str) -> Derived:
    return Derived(tuple(dict.fromkeys((*data.READS, name))), values.Raw(name))


def _base(name: str) -> Derived:
    def found(view: View) -> str | None:
        return values.name_of(values.field(view, name))

    return Derived(data.READS, found)


_HOST = Derived(data.READS, data.computer)
_NUMBER = Derived(data.READS, data.event_number, lambda value: (str(value),))
_WHEN = Derived((*data.READS, *_TIMES), values.when)
_ID = Derived((*data.READS, *_TIMES), values.event_id)
_NOTHING: Accessor = Derived((), lambda _view: None)
"""A process has neither an address, nor a region, nor a user agent."""

COMMON_NAMES: Mapping[str, Accessor] = MappingProxyType(
    {
        "actor": _field("User"),
        "action": Derived(data.READS, values.action),
        "outcome": constant("success"),
        "source.ip": _NOTHING,
        "account": _HOST,
        "region": _NOTHING,
        "resource": _field("Image"),
        "user_agent": _NOTHING,
        "time": _WHEN,
        "id": _ID,
    }
)

_ECS: Mapping[str, Accessor] = MappingProxyType(
    {
        "@timestamp": _WHEN,
        "event.dataset": constant("windows.process_creation"),
        "data_stream.dataset": constant("windows.process_creation"),
        "event.module": constant("windows"),
        "event.kind": constant("event"),
        "event.category": constant("process"),
        "event.type": constant("start"),
        "event.outcome": constant("success"),
        "event.code": _NUMBER,
        "event.id": _ID,
        "host.name": _HOST,
        "host.os.type": constant("windows"),
        "user.name": _field("User"),
        "process.executable": _field("Image"),
        "process.name": _base("Image"),
        "process.command_line": _field("CommandLine"),
        "process.pid": _field("ProcessId"),
        "process.entity_id": _field("ProcessGuid"),
        "process.working_directory": _field("CurrentDirectory"),
        "process.pe.original_file_name": _field("OriginalFileName"),
        "process.parent.executable": _field("ParentImage"),
        "process.parent.name": _base("ParentImage"),
        "process.parent.command_line": _field("ParentCommandLine"),
        "process.parent.pid": _field("ParentProcessId"),
        "process.parent.entity_id": _field("ParentProcessGuid"),
        "windows.process_creation.command_line": _field("CommandLine"),
        "windows.process_creation.parent": _field("ParentImage"),
    }
)

NAMES = Names(
    _ECS,
    {
        **{name: _field(name) for name in _SYSMON},
        **{name: _raw(name) for name in _SECURITY},
        "Computer": _HOST,
        "Hostname": _HOST,
        "EventID": _NUMBER,
        "Provider_Name": Derived(data.READS, data.provider),
        "Channel": Derived(data.READS, data.provider),
    },
    {"winlog.event_data.": _raw, "EventData.": _raw},
)
"""Elastic's names; Sysmon's and the Security log's wherever a shipper puts them."""

KNOWN_FIELDS = frozenset((
    "winlog", "winlog.channel", "winlog.event_id", "winlog.provider_name", "winlog.record_id", "winlog.computer_name",
    "winlog.event_data", "EventData", "event", "event.", "host", "host.", "message", "Message", "RenderedDescription",
    "TimeGenerated", "TimeCreated", "EventTime",
))  # fmt: skip

CASELESS = frozenset((
    "Image", "ParentImage", "OriginalFileName", "User", "ParentUser", "Computer", "Hostname", "NewProcessName",
    "ParentProcessName", "actor", "account", "resource", "process.executable", "process.name",
    "process.parent.executable", "process.parent.name", "host.name", "user.name",
))  # fmt: skip
"""Windows does not tell names of files, users and machines apart by their case."""
