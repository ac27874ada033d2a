"""From a batch of SQS messages to deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from firstseen.deliveries import Delivery
from firstseen.errors import InputError
from firstseen.settings.prefixes import Prefix, source_at
from firstseen.sources.event import MAX_REJECT_BYTES, Reject
from firstseen.sources.times import parse_time
from functions.aws import messages
from functions.aws.objects import Gone, Objects, Place


class Message(TypedDict):
    """One SQS message, as Lambda hands it over; the parts that are used."""

    messageId: str
    body: str
    attributes: Mapping[str, str]


class QueueEvent(TypedDict):
    """What Lambda calls the function with."""

    Records: Sequence[Message]


Kept = tuple[str, str, Reject]
"""A reject with its message's id and its pointer."""


@dataclass(slots=True)
class Batch:
    """Deliveries of one call; an object that is gone becomes a reject while they are read.

    Attributes:
        handles: the ids of all messages.
        deliveries: what to read; several may have one message's id as their handle.
        rejects: objects that are gone.
        ignored: see :class:`functions.aws.messages.Content`.
        lags_us: receipt minus event time of events that came by the bus.
        sources: which log lies where; the rest is recognised.
    """

    handles: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    rejects: list[Kept] = field(default_factory=list)
    ignored: int = 0
    lags_us: list[int] = field(default_factory=list)
    sources: Sequence[Prefix] = ()

    def add(self, message: Message, objects: Objects) -> None:
        """Take a message apart."""
        handle, body = message["messageId"], message["body"].encode("utf-8", "surrogatepass")
        received_us = int(message["attributes"]["SentTimestamp"]) * 1000
        content = messages.read(body)
        self.handles.append(handle)
        self.ignored += content.ignored
        if content.event is not None:
            self.deliveries.append(Delivery(handle, [content.event], received_us, canary=content.canary))
            happened_us = parse_time(content.happened) if content.happened else None
            if happened_us is not None:
                self.lags_us.append(received_us - happened_us)
        for place in content.places:
            chunks = _Content(handle, place, body, objects, self.rejects)
            source = source_at(f"{place.bucket}/{place.key}", self.sources)
            self.deliveries.append(Delivery(handle, chunks, received_us, source, pointer=str(place)))


@dataclass(frozen=True, slots=True)
class _Content:
    """An object's bytes; from the start again each time they are iterated."""

    handle: str
    place: Place
    body: bytes
    objects: Objects
    rejects: list[Kept]

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.objects.chunks(self.place)
        except Gone as exc:
            reject = Reject(str(exc), self.body[:MAX_REJECT_BYTES])
            if (self.handle, str(self.place), reject) not in self.rejects:
                self.rejects.append((self.handle, str(self.place), reject))


def batch_of(event: QueueEvent, objects: Objects, sources: Sequence[Prefix] = ()) -> Batch:
    """The batch in what Lambda calls with. Raises InputError when it is none of a queue's."""
    batch = Batch(sources=sources)
    try:
        for message in event["Records"]:
            batch.add(message, objects)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        msg = "this function is called by an SQS queue: the event is no batch of its messages"
        raise InputError(msg) from exc
    return batch
