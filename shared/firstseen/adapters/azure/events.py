"""A finding as a CloudEvent 1.0: its id, what subscriptions filter by, within Event Grid's limits. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote

import orjson

from firstseen.findings.finding import Finding
from firstseen.findings.ocsf import OCSF_VERSION, to_ocsf
from firstseen.findings.text import minimal
from firstseen.findings.times import iso

MAX_EVENT_BYTES = 1_000_000
"""Of one event, and of all events of a call together; Event Grid says 1 MB."""

BILLED_BYTES = 64 * 1024
"""Each begun one of an event counts as an operation."""

MAX_PART_CHARS = 200
"""Of one part of a subject."""

TRIMS = 12
"""Attempts at a raw event that fits before the short form is taken."""

SCHEMA = f"https://schema.ocsf.io/{OCSF_VERSION}/classes/detection_finding"

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Event:
    """What is published for one finding: a CloudEvent as JSON."""

    uid: str
    body: bytes

    @property
    def size_bytes(self) -> int:
        """As Event Grid counts it."""
        return len(self.body)


def event(finding: Finding, *, max_bytes: int = MAX_EVENT_BYTES) -> Event | None:
    """The finding's event. The raw event is cut until it fits ``max_bytes``; its pointer and full size stay.

    None: not even the short form fits.
    """
    smaller = finding
    for _ in range(TRIMS):
        made = _event(smaller)
        if made.size_bytes <= max_bytes:
            return made
        if not smaller.raw:
            break
        smaller = replace(smaller, raw=smaller.raw[: _room(len(smaller.raw), made.size_bytes, max_bytes)])
    made = _event(minimal(finding))
    return made if made.size_bytes <= max_bytes else None


def _room(raw_chars: int, size_bytes: int, max_bytes: int) -> int:
    """How much of the raw event may stay: what is too much, taken off in proportion, and a little more; 0 soon."""
    left = int(raw_chars * (max_bytes / size_bytes) ** 1.5) - 256
    return left if left >= 1_000 else 0  # noqa: PLR2004 - less tells nobody anything


def _event(finding: Finding) -> Event:
    body = {
        "specversion": "1.0",
        "id": finding.uid,
        "source": source(finding),
        "type": kind(finding),
        "subject": subject(finding),
        "time": iso(finding.time_us),
        "datacontenttype": "application/json",
        "dataschema": SCHEMA,
        "data": to_ocsf(finding),
    }
    return Event(finding.uid, orjson.dumps(body, option=orjson.OPT_SORT_KEYS))


def kind(finding: Finding) -> str:
    """``firstseen.finding.high``: what it is and how grave, so that a list of types is a filter by severity."""
    return f"firstseen.{finding.kind}.{finding.card.level}"


def source(finding: Finding) -> str:
    """``/firstseen/azure.activitylogs``: the log that it comes from; a digest of several has none."""
    return f"/firstseen/{_part(finding.source)}" if finding.source else "/firstseen"


def subject(finding: Finding) -> str:
    """``/Azure/SUBSCRIPTION/REGION/RULE``: a filter by its beginning chooses clouds, accounts and regions, one by its
    end chooses a rule. What the event does not say is ``-``.
    """
    parts = (finding.provider, finding.fact("account"), finding.fact("region"), finding.card.id)
    return "".join(f"/{_part(part)}" for part in parts)


def _part(value: str) -> str:
    """A part of a path: whoever made the event chose its characters."""
    whole = _SURROGATE.sub("\ufffd", value[:MAX_PART_CHARS])
    return quote(whole, safe=":@") if whole else "-"
