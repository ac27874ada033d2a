"""What deployments keep in queues because they could not use it: rejects and dead letters, as people look at them.

A *reject* could not be read: one event, or one object, with the reason. A *dead letter* is a delivery that was tried
too often. Both clouds write a reject as the same JSON; what a dead letter looks like is its cloud's own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from firstseen.sources.event import MAX_REJECT_BYTES

MAX_LOOKED_AT = 10_000
"""Letters of one look: while AWS shows them, they are hidden from everybody else."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of a queue that nobody works on.

    Attributes:
        id: the queue's own id of the message.
        kind: see above; ``unknown`` for what firstseen did not write.
        kept_us: since when it lies there.
        reason: why it lies there.
        message: the message as it stands.
        content: the event or delivery; None: it is not in the message.
        whole: ``content`` was not cut.
        tries: how often its delivery was tried; 0: not known.
        pointer: where it came from, as ``s3://bucket/key``; "" if not known.
        place: line or position in what it came from; 0: all of it.
        rule_id: the rule that raised on it, if that is the reason.
    """

    id: str
    kind: Literal["reject", "dead letter", "unknown"]
    kept_us: int
    reason: str
    message: str
    content: bytes | None
    whole: bool = True
    tries: int = 0
    pointer: str = ""
    place: int = 0
    rule_id: str = ""


class Letters(Protocol):
    """One queue of letters.

    What a call hides from others while it looks is shown again when the queue is closed, or a few minutes later. Raises
    InputError or StoreUnavailable when the queue does not answer, SettingsError for a queue that is none of these.
    """

    def look(self, limit: int) -> Iterator[Letter]:
        """At most so many, each once, in the queue's order, which need not be that of time. They all stay."""

    def take(self, limit: int) -> Iterator[Letter]:
        """As ``look``, and each may be given to :meth:`back`."""

    def content(self, letter: Letter) -> bytes | None:
        """The event or delivery, wherever it lies; None: it is nowhere any more."""

    def back(self, letter: Letter) -> str:
        """Send what was taken to where it is tried again, and take it out of this queue. "", or why that cannot be.

        It is sent before it is taken out: after a fault between the two it may be tried twice, which changes nothing.
        """

    def close(self) -> None:
        """Show again what was hidden."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a reject's message says; see :class:`Letter`. ``blob`` names where its bytes lie, if not in the message."""

    reason: str
    pointer: str
    place: int
    rule_id: str
    message_id: str
    received_us: int
    content: bytes | None
    whole: bool
    blob: str


class _Message(msgspec.Struct):
    reason: str
    pointer: str
    message_id: str
    place: int = 0
    rule_id: str | None = None
    received_us: int = 0
    raw: str | None = None
    raw_base64: str | None = None
    raw_bytes: int | None = None
    blob: str = ""


_decoder = msgspec.json.Decoder(_Message)


def letter_of(message_id: str, kept_us: int, text: str) -> Letter | None:
    """The letter, where the message is a reject's; else None: it is the cloud's own."""
    found = read_reject(text)
    if found is None:
        return None
    return Letter(
        message_id, "reject", kept_us, found.reason, text, found.content, found.whole,
        pointer=found.pointer, place=found.place, rule_id=found.rule_id,
    )  # fmt: skip


def read_reject(text: str) -> Kept | None:
    """The reject in a message; None when it is none."""
    try:
        found = _decoder.decode(text)
        content = base64.b64decode(found.raw_base64, validate=True) if found.raw_base64 is not None else None
    except (msgspec.DecodeError, UnicodeError, binascii.Error, RecursionError):
        return None
    if found.raw is not None:
        content = found.raw.encode("utf-8", "surrogatepass")
    if content is None and found.raw_bytes is None and not found.blob:
        return None
    whole = content is None or len(content) < MAX_REJECT_BYTES
    return Kept(
        found.reason, found.pointer, found.place, found.rule_id or "", found.message_id, found.received_us, content,
        whole, found.blob,
    )  # fmt: skip
