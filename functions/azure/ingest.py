"""The Event Hub trigger's function: batches of what Azure's logs sent."""

from __future__ import annotations

from collections.abc import Sequence

from firstseen.deliveries import Report
from functions.azure.batches import run
from functions.azure.deliveries import HubEvent, batch_of
from functions.azure.wiring import Parts


def ingest(parts: Parts, events: Sequence[HubEvent]) -> Report:
    """A batch of one partition. Raises StoreUnavailable when something could be neither finished nor put aside."""
    limits = parts.limits()
    return run(parts, batch_of(events, now_us=parts.clock()), limits, function="ingest")
