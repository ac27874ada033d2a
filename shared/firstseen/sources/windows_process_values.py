"""The computed values of a process's start on Windows, by Sysmon's event 1 or the Security log's 4688. All are total.

A rule asks by Sysmon's names, as Sigma's do; the Security log's names for the same things are translated. A new process
is ``NewProcessName`` there, and ``ProcessId`` is the parent's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstseen.sources.azure_places import text
from firstseen.sources.azure_times import time_us
from firstseen.sources.source import Path, View
from firstseen.sources.windows_process_data import (
    computer,
    data_of,
    event_number,
    provider,
    record_number,
    written_time,
)

SYSMON, SECURITY = "1", "4688"
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?", re.ASCII)
_HEX = re.compile(r"0[xX][0-9A-Fa-f]{1,16}", re.ASCII)
_NOTHING = frozenset({"", "-"})

TRANSLATED: Mapping[str, str] = {
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "ProcessId": "NewProcessId",
    "ParentProcessId": "ProcessId",
    "IntegrityLevel": "MandatoryLabel",
    "LogonId": "SubjectLogonId",
}
"""Sysmon's names and the Security log's."""

_LEVELS = {
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "Medium",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}


def is_start(view: View) -> bool:
    """Whether the event tells of a process's start."""
    number = event_number(view)
    if number == SYSMON:
        return "sysmon" in provider(view).casefold() and _said(data_of(view), "Image") is not None
    return number == SECURITY and _said(data_of(view), "NewProcessName") is not None


def _said(data: Mapping[str, Any], name: str) -> str | None:
    found = text(data.get(name))
    return None if found is None or found in _NOTHING else found


def _of_security(data: Mapping[str, Any]) -> bool:
    return "NewProcessName" in data


def field(view: View, name: str) -> str | None:
    """A field by Sysmon's name for it; numbers of processes in decimal digits."""
    data = data_of(view)
    if name == "User":
        return _user(data)
    found = _said(data, TRANSLATED.get(name, name) if _of_security(data) else name)
    if found is None:
        return None
    if name.endswith("ProcessId") and _HEX.fullmatch(found):
        return str(int(found, 16))
    return _LEVELS.get(found, found) if name == "IntegrityLevel" else found


def _user(data: Mapping[str, Any]) -> str | None:
    r"""``CONTOSO\ada``: whose the process is; in the Security log its starter's, unless that names another one."""
    own = _said(data, "User")
    if own is not None:
        return own
    for whose in ("Target", "Subject"):
        name, domain = _said(data, f"{whose}UserName"), _said(data, f"{whose}DomainName")
        if name is not None:
            return f"{domain}\\{name}" if domain else name
    return _said(data, "Account")


def when(view: View) -> Any:
    """When it was started: Sysmon's ``UtcTime``, else when the event was written."""
    found = text(data_of(view).get("UtcTime"))
    return found if found is not None else written_time(view)


def started_us(view: View) -> int | None:
    """:func:`when` in microseconds since 1970."""
    return time_us(when(view))


def event_id(view: View) -> str | None:
    """Sysmon's id of the process, else machine, log and number of the entry, with its time: numbers start anew."""
    guid = _GUID.fullmatch(text(data_of(view).get("ProcessGuid")) or "")
    if guid is not None:
        return f"process:{guid[1].casefold()}"
    host, record, moment = computer(view), record_number(view), started_us(view)
    if host is None or record is None or moment is None:
        return None
    written = "\x1f".join((host.casefold(), event_number(view) or "", record, str(moment // 1_000_000)))
    return f"{record}:{hashlib.sha256(written.encode('utf-8', 'replace')).hexdigest()[:32]}"


def name_of(path: str | None) -> str | None:
    """``powershell.exe`` of a whole path."""
    return path.replace("/", "\\").rpartition("\\")[2] or path if path else None


def action(view: View) -> str | None:
    """``process:powershell.exe``, the program in small letters."""
    found = name_of(field(view, "Image"))
    return f"process:{found.casefold()}" if found else None


@dataclass(frozen=True, slots=True)
class Field:
    """:func:`field`, with the way back for examples, whose events are winlogbeat's of Sysmon."""

    name: str

    def __call__(self, view: View) -> str | None:
        """The value, or None."""
        return field(view, self.name)

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Among the event's data."""
        yield ("winlog", "event_data", self.name), value


@dataclass(frozen=True, slots=True)
class Raw:
    """A value of the event's data under its own name, untranslated."""

    name: str

    def __call__(self, view: View) -> Any:
        """The value, or None."""
        found = data_of(view).get(self.name)
        return None if isinstance(found, Mapping | list) else found

    def ways(self, _view: View, value: object) -> Iterator[tuple[Path, object]]:
        """Among the event's data."""
        yield ("winlog", "event_data", self.name), value
