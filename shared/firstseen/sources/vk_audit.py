"""The log source ``vk.audit``: the action log of a VK Cloud project, as its interface answers."""

from __future__ import annotations

from types import MappingProxyType

from firstseen.sources.source import Source, View
from firstseen.sources.times import read_time
from firstseen.sources.vk_audit_values import COMMON_NAMES, KNOWN_FIELDS, NAMES, actor

COMPONENTS = frozenset((
    "nova", "cinder", "karbor", "neutron", "glance", "octavia", "dbaas", "trove", "magnum", "iam", "keystone", "heat",
    "barbican", "manila", "designate", "sprut",
))  # fmt: skip
"""Parts of VK Cloud that write the log. What else has an ``action`` and a ``source`` is no event of it."""


def recognise(view: View) -> bool:
    """True for an event of the action log: an action of one of the known parts of the cloud."""
    action, source = view.get("action"), view.get("source")
    return isinstance(action, str) and bool(action) and isinstance(source, str) and source in COMPONENTS


def event_id(view: View) -> str | None:
    """``event_id``. ``request_id`` would not do: parts of the cloud hand it on to one another."""
    found = view.get("event_id")
    return found if isinstance(found, str) and found else None


def time_us(view: View) -> int | None:
    """``timestamp``."""
    found = read_time(view.get("timestamp"))
    return None if found is None else found.us


def remarks(view: View) -> tuple[str, ...]:
    """What is odd: nobody who acted, an outcome that is neither yes nor no."""
    found = []
    if actor(view) is None:
        found.append("neither user_email nor user_id: rules that ask who acted cannot match")
    said = view.get("success")
    if not isinstance(said, str | bool) or str(said).strip().casefold() not in {"yes", "no", "true", "false"}:
        found.append("success is neither yes nor no: its outcome is unknown")
    return tuple(found)


SAMPLE: View = {
    "action": "vm-action",
    "event_id": "8b3f6c1e-2f57-4a8e-9d6b-0c1d2e3f4a5b",
    "method": "POST",
    "request_body": '{"os-stop":null}',
    "request_id": "req-5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
    "response_body": "{}",
    "source": "nova",
    "success": "yes",
    "timestamp": "2026-03-02T09:15:02Z",
    "uri": "/v2.1/servers/0a1b2c3d-4e5f-4607-8899-aabbccddeeff/action",
    "user_email": "ada@contoso.example",
    "user_id": "d06c1dd59bc22c4bc15d1de98d28119a",
}

VK_AUDIT = Source(
    name="vk.audit",
    logsource=MappingProxyType({"product": "vk", "service": "audit"}),
    dataset="vk.audit",
    provider="VK",
    index=("action", "source"),
    required=("action", "source", "timestamp", "event_id"),
    recognise=recognise,
    event_id=event_id,
    operation_id=event_id,
    time=time_us,
    common=COMMON_NAMES,
    ecs=NAMES,
    caseless=frozenset(),
    known=KNOWN_FIELDS,
    sample=SAMPLE,
    remarks=remarks,
    expects='timestamp as in "2026-03-02T09:15:02Z"',
)
