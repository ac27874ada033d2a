"""One delivery that a queue's message names: through the pipeline, put aside when that fails, given up at last."""

from __future__ import annotations

from dataclasses import replace

from firstseen.adapters.azure.kept import Aside
from firstseen.deliveries import Report
from firstseen.errors import StoreUnavailable
from firstseen.sources.event import Reject
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


def attempt(parts: Parts, item: Aside, message: QueueMessage, limits: Limits, *, function: str) -> Report:
    """Try it; put it aside, each time for longer, when that fails.

    Raises StoreUnavailable when it could not even be put aside: the message itself comes again then.
    """
    if (message.dequeue_count or 0) > MAX_BEGUN:
        reason = f"it was begun {MAX_BEGUN} times and never ended: {item.reason}".removesuffix(": ")
        put_aside(parts, replace(item, tries=max(item.tries, MAX_TRIES)), reason, limits)
        return Report(retry={item.handle: reason})
    if item.arrived:
        return run(parts, parts.arrivals.batch_of(item, limits), limits, function=function)
    try:
        body = parts.keeper.body_of(item, deadline_us=limits.work_us)
    except StoreUnavailable as exc:
        put_aside(parts, item, str(exc), limits)
        return Report(retry={item.handle: str(exc)})
    if body is None:
        return refuse(parts, item, Reject(GONE, b""), limits)
    # With a blob that is there, what is put aside again needs no other.
    report = run(parts, Batch({item.handle: replace(item, body=body)}), limits, function=function)
    if item.handle not in report.retry:
        parts.keeper.forget(item, deadline_us=limits.give_up_us)
    return report


def refuse(parts: Parts, item: Aside, reject: Reject, limits: Limits) -> Report:
    """Keep what is no delivery. Raises StoreUnavailable."""
    parts.keeper.keep_reject(reject, item, deadline_us=limits.give_up_us)
    return Report(rejects=[(item.handle, item.pointer, reject)])


def received_us(parts: Parts, message: QueueMessage) -> int:
    """When the message was put in; now, if it does not say."""
    return parts.clock() if message.insertion_time is None else microseconds(message.insertion_time)
