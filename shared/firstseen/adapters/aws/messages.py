"""A finding as an SNS message: its forms, its attributes, within SNS's limits. Pure.

``default`` (queues, functions, web hooks, anything without a form of its own) is the OCSF form, ``email`` the text
form. The OCSF form stands in the message once: each form that it were repeated for counts towards the limit. ``https``
is a form of its own only where the topic feeds a chat channel (:mod:`firstseen.adapters.aws.chat`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import orjson

from firstseen.adapters.aws.chat import chat_bytes
from firstseen.findings.attack import tactics
from firstseen.findings.finding import Finding, key_of
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.text import minimal, subject, to_text

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

HttpsForm = Literal["ocsf", "chat"]

MAX_MESSAGE_BYTES = 256 * 1024
"""Of one message with its attributes, and of all messages of a batch together."""

MAX_ATTRIBUTE_CHARS = 256
"""Of one attribute's value: filters compare values, so longer ones are cut, not carried."""

TRIMS = 12
"""Attempts at a raw event that fits before the short form is taken."""

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither SNS nor SQS takes in attributes and messages."""

_GROUP = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Message:
    """What is published for one finding; ``size_bytes`` as SNS counts it."""

    uid: str
    body: str
    subject: str
    attributes: dict[str, MessageAttributeValueTypeDef]
    size_bytes: int
    group: str
    deduplication: str


def message(finding: Finding, *, https: HttpsForm = "ocsf") -> Message | None:
    """The finding's message. The raw event is cut until it fits; its pointer and full size stay.

    None: not even the short form fits, which no topic will ever take.
    """
    smaller = finding
    for _ in range(TRIMS):
        made = _message(smaller, https)
        if made.size_bytes <= MAX_MESSAGE_BYTES:
            return made
        if not smaller.raw:
            break
        smaller = replace(smaller, raw=smaller.raw[: _room(len(smaller.raw), made.size_bytes)])
    made = _message(minimal(finding), https)
    return made if made.size_bytes <= MAX_MESSAGE_BYTES else None


def _room(raw_chars: int, size_bytes: int) -> int:
    """How much of the raw event may stay: what is too much, taken off in proportion, and a little more; 0 soon."""
    left = int(raw_chars * (MAX_MESSAGE_BYTES / size_bytes) ** 1.5) - 256
    return left if left >= 1_000 else 0  # noqa: PLR2004 - less tells nobody anything


def _message(finding: Finding, https: HttpsForm) -> Message:
    forms = {"default": _clean(ocsf_bytes(finding)), "email": to_text(finding)}
    if https == "chat":
        forms["https"] = _clean(chat_bytes(finding))
    body = orjson.dumps(forms).decode()
    attributes = attributes_of(finding)
    size = len(body.encode()) + sum(map(_attribute_bytes, attributes.items()))
    group, uid = key_of(finding.uid), finding.uid
    return Message(uid, body, subject(finding), attributes, size, _named(group), _named(uid))


def _clean(encoded: bytes) -> str:
    """JSON without the two characters that SQS refuses and JSON need not escape; they only stand in its strings."""
    return encoded.decode().replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _named(value: str) -> str:
    """A name that a FIFO topic takes: up to 128 printable characters."""
    if _GROUP.fullmatch(value):
        return value
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def attributes_of(finding: Finding) -> dict[str, MessageAttributeValueTypeDef]:
    """What filter policies choose by. One without a value is left out: SNS takes no empty ones.

    A rule may serve several tactics, so ``tactic`` is an array, of which a filter matches any element.
    """
    single = {
        "severity": finding.card.level,
        "rule": finding.card.id,
        "account": finding.fact("account"),
        "region": finding.fact("region"),
        "routing": finding.routing,
    }
    found: dict[str, MessageAttributeValueTypeDef] = {
        name: {"DataType": "String", "StringValue": text} for name, value in single.items() if (text := _value(value))
    }
    names = [one.name.lower().replace(" ", "-") for one in tactics(finding.card.tags)]
    if names:
        array = orjson.dumps(names[:14]).decode()
        found["tactic"] = {"DataType": "String.Array", "StringValue": array}
    return found


def _value(value: str) -> str:
    return _FORBIDDEN.sub("\ufffd", value)[:MAX_ATTRIBUTE_CHARS]


def _attribute_bytes(attribute: tuple[str, MessageAttributeValueTypeDef]) -> int:
    """Name, type and value all count."""
    name, value = attribute
    return len(name.encode()) + len(value["DataType"]) + len(value.get("StringValue", "").encode())
