"""The queue trigger's function: one delivery that was put aside."""

from __future__ import annotations

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.kept import Aside
from firstseen.deliveries import Report
from firstseen.errors import InputError
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from functions.azure.deliveries import QueueMessage
from functions.azure.singly import attempt, received_us, refuse
from functions.azure.wiring import Parts


def again(parts: Parts, message: QueueMessage) -> Report:
    """Try it again; put it aside for longer when that fails.

    Raises StoreUnavailable when it could not even be put aside: the message itself comes again then.
    """
    limits, text = parts.limits(), message.get_body()
    try:
        item = kept.read(text)
    except InputError as exc:
        nobodys = Aside(message.id or "", received_us(parts, message))
        return refuse(parts, nobodys, Reject(str(exc), text[:MAX_REJECT_BYTES]), limits)
    return attempt(parts, item, message, limits, function="again")
