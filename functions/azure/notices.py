"""What a message of Event Grid says: which blob is new among those that others put in.

A message is a CloudEvent, or an event of Event Grid's older schema; as text, or in Base64, which Event Grid has come
to write into storage queues; a byte order mark or white space around it harms nothing.
"""

from __future__ import annotations

import base64
import binascii
from codecs import BOM_UTF8

import msgspec

from firstseen.adapters.azure.kept import AUDIT_LOGS, LEADS_OUT, MAX_NAME_CHARACTERS, leads_out
from firstseen.errors import InputError

_CREATED = "Microsoft.Storage.BlobCreated"
_BEGINNING = f"/blobServices/default/containers/{AUDIT_LOGS}/blobs/"


class _Notice(msgspec.Struct):
    subject: str
    type: str = ""
    older_type: str = msgspec.field(default="", name="eventType")


_decoder = msgspec.json.Decoder(_Notice)


def read(text: bytes) -> str:
    """The blob's name; "": it tells of something else than a new blob. Raises InputError when it is no notice.

    The account is never taken from a message: what is read lies in the app's own.
    """
    try:
        notice = _decoder.decode(_json(text))
    except (msgspec.DecodeError, UnicodeError, binascii.Error, ValueError, RecursionError) as exc:
        msg = "no notice of Event Grid about a blob: take the message out of the queue"
        raise InputError(msg) from exc
    if (notice.type or notice.older_type) != _CREATED:
        return ""
    name = notice.subject.removeprefix(_BEGINNING)
    if name == notice.subject or not 0 < len(name) <= MAX_NAME_CHARACTERS:
        msg = f"a notice about a blob that does not lie in the container {AUDIT_LOGS}: it is not read"
        raise InputError(msg)
    if leads_out(name):
        raise InputError(f"a notice with {LEADS_OUT}")
    return name


def _json(text: bytes) -> bytes:
    """The notice itself. Raises binascii.Error when it is neither JSON nor Base64."""
    plain = text.removeprefix(BOM_UTF8).strip()
    return plain if plain[:1] == b"{" else base64.b64decode(plain, validate=True).removeprefix(BOM_UTF8)
