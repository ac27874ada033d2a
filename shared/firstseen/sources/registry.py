"""The log sources that firstseen knows: one line each. The order is the order in which they are asked.

A source is imported when it is first asked for. A trail's function, or a command over one log, needs one of them, and
to import all took a seventh of what such a command takes to start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from firstseen.sources.source import Source, View


class _Registry(Mapping[str, Source]):
    """Names to sources. ``places``: for each name the module of this room, and the source's own name in it."""

    def __init__(self, places: Mapping[str, tuple[str, str]]) -> None:
        self._places = places
        self._imported: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        found = self._imported.get(name)
        if found is None:
            self._imported[name] = found = self._import(name)
        return found

    def _import(self, name: str) -> Source:
        module, constant = self._places[name]
        source: Source = getattr(import_module(f"firstseen.sources.{module}"), constant)
        if source.name != name:
            msg = f"the log source {name} calls itself {source.name}"
            raise ValueError(msg)
        return source

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


SOURCES: Mapping[str, Source] = _Registry({
    "aws.cloudtrail": ("aws_cloudtrail", "CLOUDTRAIL"),
    "azure.activitylogs": ("azure_activitylogs", "ACTIVITYLOGS"),
    "azure.signinlogs": ("azure_signinlogs", "SIGNINLOGS"),
    "azure.auditlogs": ("azure_auditlogs", "AUDITLOGS"),
    "yandex.audit": ("yandex_audit", "YANDEX_AUDIT"),
    "vk.audit": ("vk_audit", "VK_AUDIT"),
    "gcp.audit": ("gcp_audit", "GCP_AUDIT"),
    "okta.system": ("okta_system", "OKTA_SYSTEM"),
    "m365.audit": ("m365_audit", "M365_AUDIT"),
    "windows.process_creation": ("windows_process_creation", "WINDOWS_PROCESS_CREATION"),
})  # fmt: skip


def recognise(view: View) -> Source | None:
    """The source whose event this is, or None."""
    for source in SOURCES.values():
        if source.recognise(view):
            return source
    return None
