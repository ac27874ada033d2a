"""The log source ``windows.process_creation``: processes that were started on Windows machines.

By Sysmon (event 1) or the Security log (4688), as JSON of winlogbeat, NXLog, Azure Monitor's tables, or exported files.
"""

from __future__ import annotations

from types import MappingProxyType

from firstseen.sources import windows_process_values as values
from firstseen.sources.azure_places import text
from firstseen.sources.azure_times import read_azure_time
from firstseen.sources.source import Source, View
from firstseen.sources.windows_process_data import computer, data_of
from firstseen.sources.windows_process_names import CASELESS, COMMON_NAMES, KNOWN_FIELDS, NAMES

_SHAPES = ("winlog", "EventID", "Event", "System")
"""One of these keys is in every shape."""


def recognise(view: View) -> bool:
    """True for the start of a process. Other events of Windows are none of ours."""
    return any(key in view for key in _SHAPES) and values.is_start(view)


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: no machine, no user, a local time. ``UtcTime`` names no zone and needs none."""
    found = []
    if computer(view) is None:
        found.append("no Computer: rules that ask for the machine cannot match")
    if values.field(view, "User") is None:
        found.append("no User: rules that ask who acted cannot match")
    time = read_azure_time(values.when(view))
    if time is not None and not time.zoned and text(data_of(view).get("UtcTime")) is None:
        found.append("the time names no zone: taken as UTC")
    return tuple(found)


SAMPLE: View = {
    "@timestamp": "2026-03-02T09:15:02.281Z",
    "event": {"code": "1", "kind": "event", "provider": "Microsoft-Windows-Sysmon"},
    "host": {"name": "vm-web-01.contoso.example"},
    "winlog": {
        "channel": "Microsoft-Windows-Sysmon/Operational",
        "computer_name": "vm-web-01.contoso.example",
        "event_id": "1",
        "provider_name": "Microsoft-Windows-Sysmon",
        "record_id": "410221",
        "task": "Process Create (rule: ProcessCreate)",
        "event_data": {
            "RuleName": "-",
            "UtcTime": "2026-03-02 09:15:02.204",
            "ProcessGuid": "{6f1b0a52-7c41-69a5-2b01-000000001a00}",
            "ProcessId": "5312",
            "Image": "C:\\Windows\\System32\\cmd.exe",
            "FileVersion": "10.0.20348.1 (WinBuild.160101.0800)",
            "Description": "Windows Command Processor",
            "Product": "Microsoft® Windows® Operating System",
            "Company": "Microsoft Corporation",
            "OriginalFileName": "Cmd.Exe",
            "CommandLine": "C:\\Windows\\System32\\cmd.exe /c ver",
            "CurrentDirectory": "C:\\Windows\\System32\\",
            "User": "NT AUTHORITY\\SYSTEM",
            "LogonGuid": "{6f1b0a52-0000-69a5-e703-000000000000}",
            "LogonId": "0x3e7",
            "TerminalSessionId": "0",
            "IntegrityLevel": "System",
            "Hashes": "SHA256=0000000000000000000000000000000000000000000000000000000000000000",
            "ParentProcessGuid": "{6f1b0a52-7000-69a5-1f00-000000001a00}",
            "ParentProcessId": "2140",
            "ParentImage": "C:\\Windows\\System32\\services.exe",
            "ParentCommandLine": "C:\\Windows\\System32\\services.exe",
            "ParentUser": "NT AUTHORITY\\SYSTEM",
        },
    },
}

WINDOWS_PROCESS_CREATION = Source(
    name="windows.process_creation",
    logsource=MappingProxyType({"product": "windows", "category": "process_creation"}),
    dataset="windows.process_creation",
    provider="Windows",
    # Shippers agree on no top-level key.
    index=(),
    required=(),
    recognise=recognise,
    event_id=values.event_id,
    operation_id=values.event_id,
    time=values.started_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=CASELESS,
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='UtcTime, @timestamp, TimeCreated or TimeGenerated as in "2026-03-02T09:15:02.281Z"',
)
