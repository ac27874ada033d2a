"""Members of free-form fields that computed names look at, and their values: what no trial would come upon."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firstseen.sources.source import Path

HINTS: Mapping[str, Mapping[Path, tuple[str, ...]]] = MappingProxyType(
    {
        "aws.cloudtrail": {
            ("additionalEventData", "MFAUsed"): ("Yes", "No"),
            ("responseElements", "ConsoleLogin"): ("Success", "Failure"),
        }
    }
)
"""By the name of the log source."""

IDS: Mapping[str, tuple[Path, ...]] = MappingProxyType({"azure.activitylogs": (("correlationId",),)})
"""What makes an event another operation, where its id is made of more than an id. By the name of the log source."""
