"""The start of a process on Windows: one event in each shape that shippers make of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import Derived, View
from firstseen.sources.splitting import split
from firstseen.sources.windows_process_creation import SAMPLE, WINDOWS_PROCESS_CREATION, recognise

NOW_US = 1_780_000_000_000_000
DATA: dict[str, Any] = SAMPLE["winlog"]["event_data"]
SYSMON = "Microsoft-Windows-Sysmon"
HOST = "vm-web-01.contoso.example"
ITEMS = "".join(f'<Data Name="{name}">{text.replace("&", "&amp;")}</Data>' for name, text in DATA.items())

SYSMON_SHAPES: dict[str, View] = {
    "winlogbeat": SAMPLE,
    "winlogbeat, numbers": {**SAMPLE, "winlog": {**SAMPLE["winlog"], "event_id": 1, "record_id": 410221}},
    "NXLog": {
        "EventTime": "2026-03-02 10:15:02", "Hostname": HOST, "EventID": 1, "SourceName": SYSMON,
        "RecordNumber": 410221, "Channel": f"{SYSMON}/Operational", **DATA,
    },
    "table Event": {
        "TimeGenerated": "2026-03-02T09:15:02.281Z", "Source": SYSMON, "EventLog": f"{SYSMON}/Operational",
        "EventID": 1, "Computer": HOST, "Type": "Event",
        "EventData": f'<DataItem Type="System.XmlData"><EventData xmlns="x">{ITEMS}</EventData></DataItem>',
    },
    "table WindowsEvent": {
        "TimeGenerated": "2026-03-02T09:15:02.281Z", "Provider": SYSMON, "Channel": f"{SYSMON}/Operational",
        "EventID": 1, "Computer": HOST, "EventRecordId": "410221", "EventData": orjson.dumps(DATA).decode(),
    },
    "plain": {
        "System": {
            "Provider": {"Name": SYSMON}, "EventID": {"#text": 1, "@Qualifiers": 0}, "EventRecordID": 410221,
            "Channel": f"{SYSMON}/Operational", "Computer": HOST,
            "TimeCreated": {"SystemTime": "2026-03-02T09:15:02.2810000Z"},
        },
        "EventData": DATA,
    },
    "of a file": {
        "Event": {
            "System": {
                "Provider": {"#attributes": {"Name": SYSMON}}, "EventID": 1, "Computer": HOST,
                "Channel": f"{SYSMON}/Operational",
                "TimeCreated": {"#attributes": {"SystemTime": "2026-03-02T09:15:02.281Z"}},
            },
            "EventData": {"Data": [{"@Name": name, "#text": text} for name, text in DATA.items()]},
        },
    },
}  # fmt: skip

STARTED = {
    "SubjectUserSid": "S-1-5-18", "SubjectUserName": "VM-WEB-01$", "SubjectDomainName": "CONTOSO",
    "SubjectLogonId": "0x3e7", "NewProcessId": "0x14c0", "NewProcessName": "C:\\Windows\\System32\\cmd.exe",
    "TokenElevationType": "%%1936", "ProcessId": "0x85c", "CommandLine": "cmd.exe /c ver & whoami",
    "TargetUserSid": "S-1-0-0", "TargetUserName": "-", "TargetDomainName": "-",
    "ParentProcessName": "C:\\WindowsAzure\\GuestAgent\\WindowsAzureGuestAgent.exe", "MandatoryLabel": "S-1-16-16384",
}  # fmt: skip
SECURITY_SHAPES: dict[str, View] = {
    "winlogbeat": {
        "@timestamp": "2026-03-02T09:15:02.281Z",
        "winlog": {
            "channel": "Security", "event_id": "4688", "provider_name": "Microsoft-Windows-Security-Auditing",
            "record_id": 99, "computer_name": HOST, "event_data": STARTED,
        },
    },
    "table SecurityEvent": {
        "TimeGenerated": "2026-03-02T09:15:02.281Z", "EventID": 4688, "Computer": HOST, "EventRecordId": "99",
        "Channel": "Security", "EventSourceName": "Microsoft-Windows-Security-Auditing", **STARTED,
    },
    "data of its own": {
        "EventID": "4688", "ProviderName": "Microsoft-Windows-Security-Auditing", "Computer": HOST.upper(),
        "TimeCreated": "2026-03-02 09:15:02 +0000", "EventRecordID": "99", "ExtraEventData": STARTED,
    },
}  # fmt: skip


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = WINDOWS_PROCESS_CREATION.accessor(name, vocabulary=vocabulary)
    assert isinstance(place, Derived), name
    return place.function(view)


def events(data: object) -> list[Event | Reject]:
    raw = data if isinstance(data, bytes) else orjson.dumps(data)
    found: list[Event | Reject] = []
    for one in split([raw]):
        found += [one] if isinstance(one, Reject) else list(read_document(*one, received_us=NOW_US))
    return found


def only(data: object) -> Event:
    (found,) = events(data)
    assert isinstance(found, Event), found
    return found


@pytest.mark.parametrize("shape", SYSMON_SHAPES)
def test_sysmons_event_is_the_same_in_every_shape(shape: str) -> None:
    view = SYSMON_SHAPES[shape]
    found = only(view)
    assert (found.source, found.remarks) == (WINDOWS_PROCESS_CREATION, ())
    assert found.id == "process:6f1b0a52-7c41-69a5-2b01-000000001a00"
    assert found.time_us == 1_772_442_902_204_000
    for name in ("Image", "ParentImage", "CommandLine", "User", "OriginalFileName", "IntegrityLevel", "ProcessId"):
        assert value(view, name) == DATA[name], name
    assert value(view, "Computer") == value(view, "account", "common") == HOST
    assert value(view, "action", "common") == "process:cmd.exe"
    assert value(view, "process.parent.name", "ecs") == "services.exe"
    assert value(view, "process.name", "ecs") == "cmd.exe"


@pytest.mark.parametrize("shape", SECURITY_SHAPES)
def test_the_security_logs_event_has_sysmons_names(shape: str) -> None:
    view = SECURITY_SHAPES[shape]
    found = only(view)
    assert found.source is WINDOWS_PROCESS_CREATION
    assert found.id == only(SECURITY_SHAPES["winlogbeat"]).id
    assert value(view, "Image") == value(view, "NewProcessName") == STARTED["NewProcessName"]
    assert value(view, "ParentImage") == STARTED["ParentProcessName"]
    assert (value(view, "ProcessId"), value(view, "ParentProcessId")) == ("5312", "2140")
    assert value(view, "User") == value(view, "actor", "common") == "CONTOSO\\VM-WEB-01$"
    assert value(view, "IntegrityLevel") == "System"
    assert value(view, "CommandLine") == STARTED["CommandLine"]


def test_another_ones_process_is_theirs() -> None:
    data = {**STARTED, "TargetUserName": "ada", "TargetDomainName": "CONTOSO"}
    assert value({**SECURITY_SHAPES["data of its own"], "ExtraEventData": data}, "User") == "CONTOSO\\ada"


def test_text_in_xml_is_read_as_it_was() -> None:
    view = {**SYSMON_SHAPES["table Event"], "EventData": '<Data Name="Image">C:\\a.exe</Data>'
            '<Data Name="CommandLine">a &lt;b&gt; &amp;&quot;c&quot;</Data><Data Name="User" />'}  # fmt: skip
    assert value(view, "CommandLine") == 'a <b> &"c"'
    assert value(view, "User") is None


@pytest.mark.parametrize(
    "view",
    [
        {**SAMPLE, "winlog": {**SAMPLE["winlog"], "event_id": "3"}},
        {"EventID": 1, "SourceName": "Microsoft-Windows-Kernel-General", "EventTime": "2026-03-02 09:15:02"},
        {"EventID": 4624, "Channel": "Security", "TimeGenerated": "2026-03-02T09:15:02Z"},
        {"EventID": 4688, "Channel": "Security"},
        {"EventID": {}, "EventData": "<Data"},
        {"winlog": []},
        {"Event": "[", "System": 3},
    ],
)
def test_other_events_of_windows_are_none(view: View) -> None:
    assert not recognise(view)


def test_numbers_that_start_anew_do_not_make_two_events_one() -> None:
    first = SECURITY_SHAPES["table SecurityEvent"]
    later = {**first, "TimeGenerated": "2026-03-03T09:15:02.281Z"}
    other = {**first, "Computer": "vm-web-02"}
    assert len({only(one).id for one in (first, later, other)}) == 3


def test_what_is_odd_is_remarked_upon_and_read() -> None:
    view = {"EventID": 4688, "EventTime": "2026-03-02 09:15:02", "NewProcessName": "C:\\a.exe"}
    assert only(view).remarks == (
        "no Computer: rules that ask for the machine cannot match",
        "no User: rules that ask who acted cannot match",
        "the time names no zone: taken as UTC",
        "no event id: a hash of its content serves",
    )


def test_no_time_is_a_reject_with_its_reason() -> None:
    (found,) = events({"EventID": 4688, "NewProcessName": "C:\\a.exe"})
    assert isinstance(found, Reject)
    assert "needs UtcTime, @timestamp, TimeCreated or TimeGenerated" in found.reason
