"""From what the triggers hand over to deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from firstseen.adapters.azure.kept import Aside
from firstseen.deliveries import Delivery, Rejected
from firstseen.findings.canaries import MARK, unwrap
from firstseen.sources.source import Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HubEvent(Protocol):
    """An Event Hub's event, as azure-functions hands it over; the parts that are used."""

    @property
    def sequence_number(self) -> int | None:
        """Its number in its partition."""
        ...

    @property
    def enqueued_time(self) -> datetime | None:
        """When the hub took it."""
        ...

    @property
    def metadata(self) -> Mapping[str, object] | None:
        """About the whole batch."""
        ...

    def get_body(self) -> bytes:
        """Its bytes: a record, or many in an envelope."""
        ...


class QueueMessage(Protocol):
    """A queue's message, as azure-functions hands it over; the parts that are used."""

    @property
    def id(self) -> str | None:
        """Of the message."""
        ...

    @property
    def insertion_time(self) -> datetime | None:
        """When it was put in."""
        ...

    @property
    def dequeue_count(self) -> int | None:
        """How often it was taken out, this time included."""
        ...

    def get_body(self) -> bytes:
        """Its text."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A blob that arrived, to be read: its pieces, from the start each time; and its log, if its place says so."""

    chunks: Iterable[bytes]
    source: Source | None = None


@dataclass(slots=True)
class Batch:
    """Deliveries of one call, by their handle, each with all that it takes to put it aside.

    Attributes:
        opened: by handle, of those that arrived as blobs.
        rejects: blobs that are gone, known once they were to be read.
    """

    items: dict[str, Aside] = field(default_factory=dict)
    opened: dict[str, Opened] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)

    @property
    def deliveries(self) -> list[Delivery]:
        """What the pipeline reads."""
        return [self._delivery(handle, item) for handle, item in self.items.items()]

    def _delivery(self, handle: str, item: Aside) -> Delivery:
        if handle in self.opened:
            opened = self.opened[handle]
            return Delivery(handle, opened.chunks, item.received_us, opened.source, item.pointer)
        body = item.body or b""
        canary = unwrap(body) if body.startswith(MARK) else None
        tag, events = canary or (None, body)
        return Delivery(handle, [events], item.received_us, pointer=item.pointer, canary=tag)


def batch_of(events: Sequence[HubEvent], *, now_us: int) -> Batch:
    """The batch that the Event Hub trigger hands over. An event whose time is unknown counts as received now."""
    batch = Batch()
    hub, partition = _origin(events)
    for place, event in enumerate(events):
        number = event.sequence_number
        handle = f"{partition}@{number}" if number is not None else f"{partition}#{place}"
        if handle in batch.items:
            handle = f"{handle}#{place}"
        received_us = now_us if event.enqueued_time is None else microseconds(event.enqueued_time)
        pointer = f"eventhub:{hub}/{handle}"
        batch.items[handle] = Aside(handle, received_us, pointer, body=event.get_body())
    return batch


def _origin(events: Sequence[HubEvent]) -> tuple[str, str]:
    """Hub and partition that a batch comes from; a batch is of one partition."""
    told = events[0].metadata if events else None
    context = (told or {}).get("PartitionContext")
    if not isinstance(context, Mapping):
        return "", ""
    return str(context.get("EventHubName", "")), str(context.get("PartitionId", ""))


def microseconds(time: datetime) -> int:
    """Since 1970; a time without a zone is UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
