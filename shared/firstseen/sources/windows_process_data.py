"""The data of a Windows event, in whichever way a shipper writes an event of the event log as JSON.

Windows keeps an event as XML: a part *System*, which every event has, and *EventData*, a list of names and values.
Shippers make JSON of it: nested (winlogbeat, exports of files), as columns (NXLog, the tables of Azure Monitor), or
with the data as XML in a text (the table Event).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from firstseen.sources.azure_places import opened, text
from firstseen.sources.source import View

MAX_XML_CHARACTERS = 1 << 20
MAX_ITEMS = 1_000

READS = (
    "winlog", "EventData", "Event", "System", "ExtraEventData", "EventID", "Channel", "EventLog", "Source",
    "SourceName", "Provider", "ProviderName", "EventSourceName", "Computer", "Hostname", "host", "EventRecordID",
    "EventRecordId", "RecordNumber", "Image", "ParentImage", "CommandLine", "ParentCommandLine", "User",
    "NewProcessName", "ParentProcessName", "SubjectUserName", "SubjectDomainName", "ProcessGuid", "UtcTime",
)  # fmt: skip
"""Top-level keys that hold data, in one shape or another."""

_ITEM = re.compile(r"<Data Name=[\"']([^\"'<>]{1,200})[\"']\s?(?:/>|>([^<]*)</Data>)", re.ASCII)
_NESTED = (("winlog", "event_data"), ("EventData",), ("Event", "EventData"), ("ExtraEventData",))


def _object(value: Any) -> Mapping[str, Any]:
    found = opened(value)
    return found if isinstance(found, Mapping) else {}


def data_of(view: View) -> Mapping[str, Any]:
    """Names and values of the event's data. Where they stand as columns, the event itself."""
    for path in _NESTED:
        value: Any = view
        for key in path:
            value = _object(value).get(key)
        found = _folded(value)
        if found:
            return found
    return view


def _folded(value: Any) -> Mapping[str, Any]:
    """A map of names to values, from a map, a list of items, or XML. A repeated name has all its values."""
    if isinstance(value, str) and value.lstrip()[:1] == "<":
        return _from_xml(value)
    found = opened(value)
    if isinstance(found, Mapping) and "Data" in found:
        found = found["Data"]
    if isinstance(found, list):
        return _gathered(_items(found))
    return found if isinstance(found, Mapping) else {}


def _gathered(items: Iterator[tuple[str, Any]]) -> Mapping[str, Any]:
    gathered: dict[str, list[Any]] = {}
    for name, value in items:
        gathered.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in gathered.items()}


def _items(listed: list[Any]) -> Iterator[tuple[str, Any]]:
    for one in listed[:MAX_ITEMS]:
        if isinstance(one, Mapping):
            attributes = _object(one.get("#attributes"))
            name = one.get("@Name") or one.get("Name") or attributes.get("Name")
            if isinstance(name, str):
                yield name, next((one[key] for key in ("#text", "Value", "Content", "text") if key in one), None)


def _from_xml(value: str) -> Mapping[str, Any]:
    if len(value) > MAX_XML_CHARACTERS:
        return {}
    return _gathered((found[1], html.unescape(found[2] or "")) for found in _ITEM.finditer(value))


def _system(view: View) -> Mapping[str, Any]:
    inner = _object(view.get("Event"))
    return _object(inner.get("System")) or _object(view.get("System"))


def _plain(value: Any) -> str | None:
    """A value that may stand in an object with its attributes: ``{"#text": 1, "@Qualifiers": 0}``."""
    if isinstance(value, Mapping):
        value = value.get("#text", value.get("Value"))
    return text(value)


def event_number(view: View) -> str | None:
    """The event's number, ``1`` or ``4688``."""
    found = _object(view.get("winlog")).get("event_id")
    if found is None:
        found = view.get("EventID")
    return _plain(found if found is not None else _system(view).get("EventID"))


def provider(view: View) -> str:
    """What wrote the event, and into which log: the names that the shapes have for them, in a row."""
    winlog, system = _object(view.get("winlog")), _system(view)
    own = _object(system.get("Provider"))
    attributes = _object(own.get("#attributes"))
    found = (
        winlog.get("provider_name"), winlog.get("channel"), system.get("Channel"), own.get("@Name"), own.get("Name"),
        attributes.get("Name"),
        *(view.get(key) for key in ("Channel", "EventLog", "Source", "SourceName", "Provider", "ProviderName",
                                    "EventSourceName")),
    )  # fmt: skip
    return " ".join(one for one in found if isinstance(one, str))


def computer(view: View) -> str | None:
    """The machine."""
    winlog, system, host = _object(view.get("winlog")), _system(view), _object(view.get("host"))
    found = (winlog.get("computer_name"), system.get("Computer"), view.get("Computer"), view.get("Hostname"))
    return next((said for one in (*found, host.get("name")) if (said := text(one))), None)


def record_number(view: View) -> str | None:
    """The number of the entry in its log, which starts anew when the log is cleared."""
    winlog, system = _object(view.get("winlog")), _system(view)
    names = ("EventRecordID", "EventRecordId", "RecordNumber")
    found = (winlog.get("record_id"), system.get("EventRecordID"), *(view.get(name) for name in names))
    return next((said for one in found if (said := _plain(one))), None)


def written_time(view: View) -> Any:
    """When the event was written, as the shape says; without Sysmon's own time."""
    created = _object(_system(view).get("TimeCreated"))
    attributes = _object(created.get("#attributes"))
    winlog = view.get("winlog")
    stamps = ("@timestamp", "TimeCreated", "TimeGenerated", "EventTime", "time")
    names = stamps if isinstance(winlog, Mapping) else (*stamps[1:], stamps[0])
    found = (
        created.get("@SystemTime"), created.get("SystemTime"), attributes.get("SystemTime"),
        *(view.get(name) for name in names),
    )  # fmt: skip
    return next((one for one in found if isinstance(one, str | int | float) and not isinstance(one, bool)), None)
