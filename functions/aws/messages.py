"""What a queue's message says: an event itself, or where objects lie that hold events.

A message may be an EventBridge event that carries a CloudTrail event, or tell of new objects: S3's own notification,
EventBridge's ``Object Created``, the message of a trail's SNS topic, and any of these wrapped by SNS.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus

import msgspec

from firstseen.findings.canaries import CANARY, Tag, unwrap
from functions.aws.objects import Place

MAX_WRAPPED = 3
"""SNS messages within SNS messages."""

DIGESTS = "/CloudTrail-Digest/"
"""Part of the keys of a trail's digest files: they sign log files and hold no events."""

TEST_EVENT = "s3:TestEvent"
VALIDATION = "CloudTrail validation message."
"""What S3 and CloudTrail send once when a notification is set up."""


@dataclass(frozen=True, slots=True)
class Content:
    """What one message holds.

    Attributes:
        event: the bytes to read as events; None: there are none, or they lie in ``places``.
        places: objects to read.
        ignored: how many things were neither, on purpose: test messages, digest files, removals.
        happened: when the event happened, as EventBridge's envelope has it; "" if it does not say.
        canary: EventBridge's envelope says that ``event`` is a canary. What SNS wraps never is one.
    """

    event: bytes | None = None
    places: tuple[Place, ...] = ()
    ignored: int = 0
    happened: str = ""
    canary: Tag | None = None


class _Named(msgspec.Struct):
    name: str = ""
    key: str = ""


class _Stored(msgspec.Struct):
    bucket: _Named
    object: _Named


class _Record(msgspec.Struct):
    s3: _Stored
    event: str = msgspec.field(default="", name="eventName")


class _Canary(msgspec.Struct):
    detail: msgspec.Raw


class _ObjectCreated(msgspec.Struct):
    detail: _Stored


class _Notification(msgspec.Struct, rename="pascal"):
    records: list[_Record]


class _TrailMessage(msgspec.Struct):
    bucket: str = msgspec.field(name="s3Bucket")
    keys: list[str] = msgspec.field(name="s3ObjectKey")


class _Message(msgspec.Struct):
    """The parts that tell the forms apart; the rest is skipped."""

    detail_type: str = msgspec.field(default="", name="detail-type")
    source: str = ""
    time: str = ""
    type: str = msgspec.field(default="", name="Type")
    topic: str = msgspec.field(default="", name="TopicArn")
    message: str = msgspec.field(default="", name="Message")
    event: str = msgspec.field(default="", name="Event")
    bucket: str = msgspec.field(default="", name="s3Bucket")
    records: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="Records")


_message = msgspec.json.Decoder(_Message)
_canary = msgspec.json.Decoder(_Canary)
_created = msgspec.json.Decoder(_ObjectCreated)
_notification = msgspec.json.Decoder(_Notification)
_trail = msgspec.json.Decoder(_TrailMessage)


def read(body: bytes) -> Content:
    """What the message says. One of no known form is taken as an event: the pipeline says what is wrong with it."""
    for depth in range(MAX_WRAPPED):
        try:
            message = _message.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
        if message.source == CANARY and not depth:
            return _canary_content(body)
        if message.type != "Notification" or not message.topic:
            return _content(body, message)
        body = message.message.encode()
    if body.strip() == VALIDATION.encode():
        return Content(ignored=1)
    return Content(event=body)


def _canary_content(body: bytes) -> Content:
    """What only firstseen's own sender can put on the bus: one of another form is nobody's event."""
    try:
        found = unwrap(bytes(_canary.decode(body).detail))
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    return Content(ignored=1) if found is None else Content(event=found[1], canary=found[0])


def _content(body: bytes, message: _Message) -> Content:
    if message.event == TEST_EVENT:
        return Content(ignored=1)
    try:
        if message.source == "aws.s3" and message.detail_type == "Object Created":
            made = _created.decode(body).detail
            return _placed([Place(made.bucket.name, made.object.key)])
        if message.bucket:
            trail = _trail.decode(body)
            return _placed([Place(trail.bucket, key) for key in trail.keys])
        if b'"s3"' in bytes(message.records):
            return _noted(_notification.decode(body).records)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # only much like a notification
    return Content(event=body, happened=message.time if message.detail_type else "")


def _noted(records: list[_Record]) -> Content:
    """S3's own notification: keys are encoded as in the query of a URL, and not everything is a new object."""
    made = [one for one in records if "ObjectCreated:" in one.event]
    content = _placed([Place(one.s3.bucket.name, unquote_plus(one.s3.object.key)) for one in made])
    return Content(places=content.places, ignored=content.ignored + len(records) - len(made))


def _placed(places: list[Place]) -> Content:
    wanted = tuple(one for one in places if DIGESTS not in f"/{one.key}")
    return Content(places=wanted, ignored=len(places) - len(wanted))
