"""From a stream of bytes to JSON documents: JSON lines, arrays, ``Records``, documents over many lines or in
a row.

Nothing needs to be told: the first line shows what it is. Memory is bounded by a small input, which is read
in the quick way, or by one document. Documents are cut, not checked: their reader says what is wrong with
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from firstseen.sources.compression import Plain
from firstseen.sources.documents import cut, documents, opens_list, too_large, whole
from firstseen.sources.event import MAX_EVENT_BYTES, Reject
from firstseen.sources.lines import Block, lines
from firstseen.sources.scanning import Extent
from firstseen.sources.views import rejected
from firstseen.sources.window import Window

__all__ = ["Block", "Document", "blocks", "cut", "split"]

SMALL_BYTES = 64 * 1024 * 1024
"""An input of one JSON value up to this size is taken apart in one go."""

_HEAD_BYTES = 64 * 1024
_BLOCK_DOCUMENTS = 256
_BOM = b"\xef\xbb\xbf"
_SOME_JSON = re.compile(rb"^[ \t]*+[\[{\"]", re.MULTILINE)
_FIRST_LINE = re.compile(rb"\s*+([^\n]++)\n")

_any = msgspec.json.Decoder(msgspec.Raw)

Document = tuple[int, bytes]


def split(chunks: Iterable[bytes], *, max_document_bytes: int = MAX_EVENT_BYTES) -> Iterator[Document | Reject]:
    """Every JSON document in the content of one input, as (place, bytes).

    ``chunks`` are its bytes in pieces of any size; gzip is undone. The place is the line for JSON lines, else
    the position from 1. A document larger than ``max_document_bytes`` is a reject. An input that breaks off
    gives what came before and one reject. An empty input gives nothing.
    """
    for one in blocks(chunks, max_document_bytes=max_document_bytes):
        if isinstance(one, Block):
            yield from enumerate(one.documents, one.first)
        else:
            yield one


def blocks(
    chunks: Iterable[bytes], *, max_document_bytes: int = MAX_EVENT_BYTES
) -> Iterator[Document | Reject | Block]:
    """As :func:`split`, documents that come one after the other together where that is cheaper."""
    plain = Plain(chunks)
    window = Window(plain)
    head = window.fill(_HEAD_BYTES)
    fault = _not_json(head)
    if fault:
        yield rejected(plain.fault or fault, head)
        return
    if head.startswith(_BOM):
        window.position += len(_BOM)
    last: Document | Reject | Block | None = None
    for one in _documents(window, max_document_bytes):
        if last is not None:
            yield last
        last = one
    yield from _ending(last, plain.fault)


def _ending(last: Document | Reject | Block | None, fault: str | None) -> Iterator[Document | Reject | Block]:
    """The last document; when the input broke off, what is left of it goes into the one reject that says
    so.
    """
    if fault is not None and isinstance(last, Block):
        *before, document = enumerate(last.documents, last.first)
        yield from before
        last = document
    if fault is None or isinstance(last, Block):
        if last is not None:
            yield last
    elif isinstance(last, Reject):
        yield Reject(fault, last.raw, last.place)
    elif last is not None and not _complete(last[1]):
        yield rejected(fault, last[1], last[0])
    else:
        if last is not None:
            yield last
        yield Reject(fault, b"")


def _complete(document: bytes) -> bool:
    try:
        _any.decode(document)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _not_json(head: bytes) -> str | None:
    """Why these first bytes of an input cannot be JSON text in UTF-8, or None."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4:2] == b"\0\0" or head[1:5:2] == b"\0\0":
        return "UTF-16 or UTF-32 text: convert it to UTF-8"
    if head.strip() and not _SOME_JSON.search(head.removeprefix(_BOM)):
        return "no JSON in it: audit logs are JSON lines, arrays or documents, or gzip of them"
    return None


def _documents(window: Window, limit: int) -> Iterator[Document | Reject | Block]:
    line = _first_line(window, limit)
    if line is not None and _stands_alone(line):
        yield from lines(window, limit)
        return
    data = window.fill(SMALL_BYTES + 1)
    parts = whole(data.strip()) if len(data) <= SMALL_BYTES else None
    if parts is not None:
        yield from _numbered(parts, limit)
    elif line is None or opens_list(line):
        yield from _positioned(window, limit)
    else:
        yield from lines(window, limit)


def _first_line(window: Window, limit: int) -> bytes | None:
    """The first line that is not blank, when it ends and more follows it."""
    while (found := _FIRST_LINE.match(window.buffer, window.position, window.position + limit)) is None:
        if window.unread_bytes > limit or not window.more():
            return None
    after = window.fill(len(found[0]) + _HEAD_BYTES)[len(found[0]) :]
    return found[1].strip() if after.strip() or len(after) == _HEAD_BYTES else None


def _stands_alone(line: bytes) -> bool:
    """Whether the next line begins a document of its own: this one is complete, or broken in itself."""
    if _complete(line) or line[:1] not in (b"{", b"["):
        return True
    extent = Extent(0)
    return extent.end(line) >= 0 or extent.in_string


def _numbered(parts: Sequence[msgspec.Raw], limit: int) -> Iterator[Document | Reject | Block]:
    """The parts of one value, a block of them at a time: each is a copy."""
    for start in range(0, len(parts), _BLOCK_DOCUMENTS):
        documents = list(map(bytes, parts[start : start + _BLOCK_DOCUMENTS]))
        if max(map(len, documents)) <= limit:
            yield Block(start + 1, documents)
            continue
        for place, document in enumerate(documents, start + 1):
            yield (place, document) if len(document) <= limit else too_large(document, limit, place)


def _positioned(window: Window, limit: int) -> Iterator[Document | Reject]:
    for place, one in enumerate(_cut_or_lines(window, limit), 1):
        yield Reject(one.reason, one.raw, place) if isinstance(one, Reject) else (place, one)


def _cut_or_lines(window: Window, limit: int) -> Iterator[bytes | Reject]:
    torn = yield from documents(window, limit)
    if torn:
        for line in lines(window, limit):
            if isinstance(line, Block):
                yield from line.documents
            else:
                yield line if isinstance(line, Reject) else line[1]
