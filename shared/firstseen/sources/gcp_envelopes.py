"""Envelopes of Google Cloud: messages of Pub/Sub, which carry an entry in base64, and rows of BigQuery."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from firstseen.sources.azure_places import opened
from firstseen.sources.event import Reject
from firstseen.sources.views import is_view, rejected, value_of

ROW = "protopayload_auditlog"
"""What BigQuery calls ``protoPayload``."""

_AS_TEXT = {"requestJson": "request", "responseJson": "response", "metadataJson": "metadata"}
_SERVICE_DATA = "servicedata_v1_"
_ZONE = " UTC"
_TIMES = ("timestamp", "receiveTimestamp")


def message(members: Mapping[str, msgspec.Raw]) -> Iterator[bytes | Reject]:
    """What the message of Pub/Sub under ``message`` carries, as it is pushed or pulled."""
    yield _data(value_of(bytes(members["message"])), bytes(members["message"]))


def messages(members: Mapping[str, msgspec.Raw]) -> Iterator[bytes | Reject]:
    """What each of the messages under ``receivedMessages`` carries."""
    listed = value_of(bytes(members["receivedMessages"]))
    if not isinstance(listed, list):
        yield rejected("receivedMessages should be an array of messages", bytes(members["receivedMessages"]))
        return
    for one in listed:
        yield _data(one.get("message") if is_view(one) else None, orjson.dumps(one))


def _data(one: object, raw: bytes) -> bytes | Reject:
    data = one.get("data") if is_view(one) else None
    if is_view(data):  # unwrapped by a subscription, or by a reader of it
        return orjson.dumps(data)
    if not isinstance(data, str) or not data:
        return rejected("a message of Pub/Sub without data", raw)
    if data.lstrip().startswith("{"):
        return data.encode()
    try:
        return base64.b64decode(data.translate(_URL_SAFE), validate=True)
    except ValueError:
        return rejected("a message of Pub/Sub whose data is no base64", raw)


_URL_SAFE = str.maketrans("-_", "+/", "\r\n")


def row(members: Mapping[str, msgspec.Raw]) -> Iterator[bytes | Reject]:
    """The entry that a row of BigQuery was made of: its objects out of their text, its time with a zone."""
    made = {key: value_of(bytes(one)) for key, one in members.items() if key != ROW}
    payload = value_of(bytes(members[ROW]))
    if not is_view(payload):
        yield rejected(f"{ROW} should be an object", bytes(members[ROW]))
        return
    for key in _TIMES:
        if isinstance(made.get(key), str):
            made[key] = zoned(made[key])
    made["protoPayload"] = _payload(payload)
    yield orjson.dumps({key: one for key, one in made.items() if one is not None and not isinstance(one, Reject)})


def zoned(time: str) -> str:
    """``2026-03-02 09:15:02.281547 UTC`` as ``2026-03-02T09:15:02.281547Z``; other text as it stands."""
    return f"{time.removesuffix(_ZONE).replace(' ', 'T', 1)}Z" if time.endswith(_ZONE) else time


def _payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in payload.items():
        if value is None:
            continue
        if key in _AS_TEXT:
            made[_AS_TEXT[key]] = opened(value)
        elif key.startswith(_SERVICE_DATA):
            made["serviceData"] = value
        else:
            made[key] = value
    return made
