"""The queue trigger's function: one blob that somebody put in, of which Event Grid told."""

from __future__ import annotations

from firstseen.adapters.azure.kept import AUDIT_LOGS, Aside
from firstseen.deliveries import Report
from firstseen.errors import InputError
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from functions.azure import notices
from functions.azure.deliveries import QueueMessage
from functions.azure.singly import attempt, received_us, refuse
from functions.azure.wiring import Parts


def collect(parts: Parts, message: QueueMessage) -> Report:
    """Read it where it lies; put aside where that is when it cannot be finished.

    Raises StoreUnavailable when it could not even be put aside: the message itself comes again then.
    """
    limits, text = parts.limits(), message.get_body()
    handle, told_us = message.id or "", received_us(parts, message)
    try:
        name = notices.read(text)
    except InputError as exc:
        return refuse(parts, Aside(handle, told_us), Reject(str(exc), text[:MAX_REJECT_BYTES]), limits)
    if not name:
        return Report()
    item = Aside(handle, told_us, f"blob:{AUDIT_LOGS}/{name}", arrived=name)
    return attempt(parts, item, message, limits, function="collect")
