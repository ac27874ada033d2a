"""From what the triggers hand over to deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from firstseen.adapters.azure.kept import Aside
from firstseen.pipeline import Delivery

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


@dataclass(slots=True)
class Batch:
    """Deliveries of one call, by their handle, each with all that it takes to put it aside."""

    items: dict[str, Aside] = field(default_factory=dict)

    @property
    def deliveries(self) -> list[Delivery]:
        """What the pipeline reads."""
        return [
            Delivery(handle, [item.body or b""], item.received_us, pointer=item.pointer)
            for handle, item in self.items.items()
        ]


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
