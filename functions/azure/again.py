"""The queue trigger's function: one delivery that was put aside."""

from __future__ import annotations

from dataclasses import replace

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.kept import Aside
from firstseen.errors import InputError, StoreUnavailable
from firstseen.pipeline import Report
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from functions.azure.aside import MAX_TRIES
from functions.azure.batches import put_aside, run
from functions.azure.deliveries import Batch, QueueMessage, microseconds
from functions.azure.limits import Limits
from functions.azure.wiring import Parts

GONE = "its content has gone: it was finished before, or somebody removed the blob"


MAX_BEGUN = 20
"""How often one message is begun: a call that ended would have written another in its place, so these killed the
process, or could not write. Then we make it a dead letter, before the host does: what the host writes is gone after
seven days, and has no reason.
"""


def again(parts: Parts, message: QueueMessage) -> Report:
    """Try it again; put it aside for longer when that fails.

    Raises StoreUnavailable when it could not even be put aside: the message itself comes again then.
    """
    limits, text = parts.limits(), message.get_body()
    try:
        item = kept.read(text)
    except InputError as exc:
        received_us = parts.clock() if message.insertion_time is None else microseconds(message.insertion_time)
        return _reject(parts, Aside(message.id or "", received_us), Reject(str(exc), text[:MAX_REJECT_BYTES]), limits)
    if (message.dequeue_count or 0) > MAX_BEGUN:
        reason = f"it was begun {MAX_BEGUN} times and never ended: {item.reason}"
        put_aside(parts, replace(item, tries=max(item.tries, MAX_TRIES)), reason, limits)
        return Report(retry={item.handle: reason})
    try:
        body = parts.keeper.body_of(item, deadline_us=limits.work_us)
    except StoreUnavailable as exc:
        put_aside(parts, item, str(exc), limits)
        return Report(retry={item.handle: str(exc)})
    if body is None:
        return _reject(parts, item, Reject(GONE, b""), limits)
    # With a blob that is there, what is put aside again needs no other.
    batch = Batch({item.handle: replace(item, body=body)})
    report = run(parts, batch, limits, function="again")
    if item.handle not in report.retry:
        parts.keeper.forget(item, deadline_us=limits.give_up_us)
    return report


def _reject(parts: Parts, item: Aside, reject: Reject, limits: Limits) -> Report:
    """Keep what is no delivery. Raises StoreUnavailable."""
    parts.keeper.keep_reject(reject, item, deadline_us=limits.give_up_us)
    return Report(rejects=[(item.handle, item.pointer, reject)])
