"""Documents that are not one a line: arrays, lists such as ``Records``, documents over many lines, documents
in a row.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Literal

import msgspec

from firstseen.sources.event import MAX_EVENT_BYTES, Reject
from firstseen.sources.scanning import SCALAR, Extent, after_blanks, quick_end
from firstseen.sources.views import rejected
from firstseen.sources.window import Window

ENDLESS = "a document without an end: its brackets or quotes do not close, or the input broke off"

Piece = bytes | Reject

_LIST = re.compile(rb'\{\s*+"(Records|Events|records|value)"\s*+:\s*+\[')
_LIST_HEAD_BYTES = 4096  # within these a list's opening must lie
_UP_TO_LINE = re.compile(rb"[^\n{\[]++")
_OPEN_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{[]"

_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder(msgspec.Raw)


def too_large(raw: bytes, limit: int, place: int = 0) -> Reject:
    """The reject for a document of which ``raw`` is at least the beginning."""
    reason = f"a document larger than {limit:,} bytes: split it, no single event is that large"
    return rejected(reason, raw[:limit], place)


def opens_list(head: bytes) -> bool:
    """Whether a document that begins so is an array, or a list such as ``{"Records": [``."""
    return head[:1] == b"[" or _LIST.match(head) is not None


def whole(data: bytes) -> list[msgspec.Raw] | None:
    """The documents in ``data`` when it is exactly one JSON value, in the quick way; None otherwise."""
    try:
        if data[:1] == b"[":
            return _array.decode(data)
        found = _LIST.match(data)
        if found is None:
            return [_any.decode(data)]
        return _array.decode(_object.decode(data)[found[1].decode()])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def cut(raw: bytes, *, max_document_bytes: int = MAX_EVENT_BYTES) -> Iterator[Piece]:
    """The documents in ``raw``: the elements of a list, several documents in a row, or it alone."""
    window = Window((raw,))
    window.more()
    torn = yield from documents(window, max_document_bytes)
    if torn:
        yield rejected(ENDLESS, window.rest())


def documents(window: Window, max_document_bytes: int) -> Generator[Piece, None, bool]:
    """Every document from the window's position on.

    Returns True when a document does not end but lines that look like documents follow: what is left is
    better read line by line.
    """
    inside = ""
    while True:
        window.position = after_blanks(window.buffer, window.position)
        if not window.unread_bytes:
            if window.more():
                continue
            if inside:
                yield rejected(f"the {inside} is not closed: brackets are missing, or the input broke off", b"")
            return False
        byte = window.buffer[window.position]
        if inside and byte == _CLOSE_ARRAY:
            window.position += 1
            if inside != "array":
                _drop(window, Extent(window.position, depth=1))
            inside = ""
        elif not inside and (opened := _opened(window, byte)):
            inside = opened
        elif byte not in b'{["':
            yield _stray(window, max_document_bytes, within_list=bool(inside))
        else:
            piece, follows = _next(window, max_document_bytes)
            yield piece
            if follows != "more":
                return follows == "lines"


def _opened(window: Window, byte: int) -> str:
    """The list that begins here, its opening read; "" when none does."""
    if byte == _OPEN_ARRAY:
        window.position += 1
        return "array"
    if byte != _OPEN_OBJECT:
        return ""
    window.fill(_LIST_HEAD_BYTES)
    found = _LIST.match(window.buffer, window.position, window.position + _LIST_HEAD_BYTES)
    if found is None:
        return ""
    window.position = found.end()
    return f"list {found[1].decode()}"


def _next(window: Window, limit: int) -> tuple[Piece, Literal["more", "lines", "nothing"]]:
    """The document that begins here, or why there is none; and what follows it."""
    end = _end(window, limit)
    broken = window.buffer.find(b"\n{", window.position, window.position + limit if end < 0 else end)
    if end >= 0 and (broken < 0 or quick_end(window.buffer[window.position : end], 0) >= 0):
        raw = window.buffer[window.position : end]
        window.position = end
        return raw, "more"
    if broken >= 0:
        raw = window.buffer[window.position : broken]
        window.position = broken + 1
        return rejected(ENDLESS, raw), "lines"
    if window.unread_bytes <= limit:
        return rejected(ENDLESS, window.rest()), "nothing"
    reject = too_large(window.buffer[window.position : window.position + limit], limit)
    return reject, "more" if _drop(window, Extent(window.position)) else "nothing"


def _end(window: Window, limit: int) -> int:
    """The index after the document that begins here; -1 when it does not end, or not within the limit."""
    end = quick_end(window.buffer, window.position)
    extent = Extent(window.position)
    while end < 0 and (end := extent.end(window.buffer)) < 0 and window.unread_bytes <= limit:
        extent.position -= window.position
        if not window.more():
            break
    return end if end - window.position <= limit else -1


def _stray(window: Window, limit: int, *, within_list: bool) -> Piece:
    """What is no object, array or string: up to the end of the value within a list, else of the line."""
    pattern = SCALAR if within_list else _UP_TO_LINE
    kept = b""
    while True:
        found = pattern.match(window.buffer, window.position)
        end = found.end() if found else window.position
        if len(kept) <= limit:
            kept += window.buffer[window.position : end]
        window.position = end
        if window.unread_bytes or not window.more():
            break
    if not kept:  # a bracket that closes nothing
        kept = window.buffer[window.position : window.position + 1]
        window.position += 1
    return kept.rstrip() if len(kept) <= limit else too_large(kept, limit)


def _drop(window: Window, extent: Extent) -> bool:
    """Read past the end of a value, keeping nothing of it; whether there was an end."""
    while (end := extent.end(window.buffer)) < 0:
        window.position = extent.position
        if not window.more():
            window.rest()
            return False
        extent.position = 0
    window.position = end
    return True
