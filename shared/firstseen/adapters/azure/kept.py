"""What the Function app keeps in queues: deliveries that were put aside, dead letters, and rejects, as text. Pure.

All messages are JSON in ASCII. What does not fit into one has its bytes in a blob, named in the message::

    put-aside, put-aside-poison   handle, received_us, pointer, tries, reason and body | body_base64 | blob | arrived
    rejects                       reason, pointer, place, rule_id, message_id, received_us and raw | raw_base64 | blob
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

import msgspec

from firstseen.errors import InputError
from firstseen.sources.event import Reject

PUT_ASIDE = "put-aside"
"""The queue of deliveries that wait to be tried again."""

DEAD_LETTERS = "put-aside-poison"
"""The queue of deliveries that were tried too often: under the host's own name, so that there is one of them."""

REJECTS = "rejects"
"""The queue of what could not be read, one event each."""

LARGE = "large"
"""The blob container of what no message holds."""

AUDIT_LOGS = "audit-logs"
"""The blob container that others put logs into."""

NEW_BLOBS = "new-blobs"
"""The queue in which Event Grid tells of them."""

MAX_NAME_CHARACTERS = 1_024
"""Of a blob."""

LEADS_OUT = "a blob's name that leads out of its container: it is not read"
"""Said of a name that is refused."""

MAX_MESSAGE_CHARACTERS = 48_000
"""Of a message, which is ASCII. A queue takes 64 KiB of what travels, in which some characters are longer."""

MAX_REASON_CHARACTERS = 1_000
MAX_POINTER_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Aside:
    """A delivery that waits.

    Attributes:
        handle: names it in the log.
        received_us: when the provider enqueued it; never changes.
        pointer: where it came from.
        tries: how often it was put aside.
        reason: why it was, the last time.
        body: its bytes; None: they lie in a blob.
        blob: where they were put, among the LARGE; "": nowhere.
        arrived: where they came, among the AUDIT_LOGS, to be read there each time; "": it came by another way.
    """

    handle: str
    received_us: int
    pointer: str = ""
    tries: int = 0
    reason: str = ""
    body: bytes | None = None
    blob: str = ""
    arrived: str = ""


class _Message(msgspec.Struct):
    handle: str
    received_us: int
    pointer: str = ""
    tries: int = 0
    reason: str = ""
    body: str | None = None
    body_base64: str | None = None
    blob: str = ""
    arrived: str = ""


_decoder = msgspec.json.Decoder(_Message)


def leads_out(name: str) -> bool:
    """Whether a part of a blob's name is ``.`` or ``..``: libraries for HTTP make another blob's address of it.

    The SDK leaves such parts as they are, and encodes what is encoded once more. Backslashes divide parts for some
    servers. Two slashes in a row stay two, and name a blob like any other.
    """
    return not {".", ".."}.isdisjoint(name.replace("\\", "/").split("/"))


def write(aside: Aside) -> str | None:
    """The message; None: it is too long for one, and its body has to lie in a blob."""
    told: dict[str, object] = {
        "handle": aside.handle,
        "received_us": aside.received_us,
        "pointer": aside.pointer[:MAX_POINTER_CHARACTERS],
        "tries": aside.tries,
        "reason": aside.reason[:MAX_REASON_CHARACTERS],
    }
    elsewhere = {"arrived": aside.arrived} if aside.arrived else {"blob": aside.blob} if aside.blob else {}
    told |= elsewhere or _bytes("body", aside.body or b"")
    text = json.dumps(told)
    return text if elsewhere or len(text) <= MAX_MESSAGE_CHARACTERS else None


def read(text: bytes) -> Aside:
    """The delivery in a message. Raises InputError when somebody else wrote it, as its content or a name shows."""
    try:
        message = _decoder.decode(text)
        body = _body(message)
    except (msgspec.DecodeError, UnicodeError, binascii.Error, RecursionError) as exc:
        msg = "no delivery that firstseen put aside: take the message out of the queue"
        raise InputError(msg) from exc
    if body is None and not message.blob and not message.arrived:
        raise InputError("a delivery without its content: take the message out of the queue")
    if leads_out(message.blob) or leads_out(message.arrived):
        raise InputError(LEADS_OUT)
    told = (message.handle, message.received_us, message.pointer, message.tries, message.reason)
    return Aside(*told, body, message.blob, message.arrived)


def _body(message: _Message) -> bytes | None:
    if message.body_base64 is not None:
        return base64.b64decode(message.body_base64, validate=True)
    return None if message.body is None else message.body.encode()


def blob_of(aside: Aside) -> str:
    """The name of the blob for its body: the same for the same delivery, so that a second write is none."""
    name = hashlib.sha256(f"{aside.handle}\n{aside.received_us}\n".encode() + (aside.body or b"")).hexdigest()
    return f"{PUT_ASIDE}/{name}"


def blob_of_reject(reject: Reject, message_id: str) -> str:
    """The same for a reject."""
    name = hashlib.sha256(f"{message_id}\n{reject.place}\n{reject.rule_id}\n".encode() + reject.raw).hexdigest()
    return f"{REJECTS}/{name}"


def write_reject(reject: Reject, *, message_id: str, pointer: str, received_us: int, blob: str = "") -> str | None:
    """The message for a reject; None: it is too long for one, and its bytes have to lie in a blob."""
    told: dict[str, object] = {
        "reason": reject.reason[:MAX_REASON_CHARACTERS],
        "pointer": pointer[:MAX_POINTER_CHARACTERS],
        "place": reject.place,
        "rule_id": reject.rule_id,
        "message_id": message_id,
        "received_us": received_us,
    }
    text = json.dumps(told | ({"blob": blob} if blob else _bytes("raw", reject.raw)))
    return text if blob or len(text) <= MAX_MESSAGE_CHARACTERS else None


def _bytes(name: str, data: bytes) -> dict[str, str]:
    """As text where they are text."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}
