"""The log sources that firstseen knows: one line each. The order is the order in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.azure_auditlogs import AUDITLOGS
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.gcp_audit import GCP_AUDIT
from firstseen.sources.m365_audit import M365_AUDIT
from firstseen.sources.okta_system import OKTA_SYSTEM
from firstseen.sources.source import Source, View
from firstseen.sources.vk_audit import VK_AUDIT
from firstseen.sources.windows_process_creation import WINDOWS_PROCESS_CREATION
from firstseen.sources.yandex_audit import YANDEX_AUDIT


def _table(*sources: Source) -> Mapping[str, Source]:
    table: dict[str, Source] = {}
    for source in sources:
        if source.name in table:
            msg = f"two log sources are called {source.name}"
            raise ValueError(msg)
        table[source.name] = source
    return MappingProxyType(table)


SOURCES: Mapping[str, Source] = _table(
    CLOUDTRAIL, ACTIVITYLOGS, SIGNINLOGS, AUDITLOGS, YANDEX_AUDIT, VK_AUDIT, GCP_AUDIT, OKTA_SYSTEM, M365_AUDIT,
    WINDOWS_PROCESS_CREATION,
)  # fmt: skip


def recognise(view: View) -> Source | None:
    """The source whose event this is, or None."""
    for source in SOURCES.values():
        if source.recognise(view):
            return source
    return None
