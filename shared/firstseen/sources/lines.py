"""JSON lines: one document a line; also objects that somebody spread over several lines in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import repeat

import msgspec

from firstseen.sources.documents import ENDLESS, cut, too_large
from firstseen.sources.event import Reject
from firstseen.sources.scanning import Extent
from firstseen.sources.views import rejected
from firstseen.sources.window import Window

_BLANKS = b" \t\r\n"
_OPEN, _CLOSE, _BREAK = b"{}\n"
_USUAL_START, _USUAL_END = b"{", b"}\n"

Line = tuple[int, bytes] | Reject


class Block(msgspec.Struct, frozen=True):
    """Documents that came one after the other, handed on together: that is quicker than one by one.

    Attributes:
        first: the place of the first; the others have those after it.
        documents: their bytes, at least one; none is larger than was asked for.
    """

    first: int
    documents: Sequence[bytes]


def lines(window: Window, max_document_bytes: int) -> Iterator[Line | Block]:
    """Every document from the window's position on, with its line (from 1, counted from there).

    Lines that begin and end as an object does are passed on as they stand, with their line breaks (removing them
    would copy them), and together: this is the way of nearly every line.
    """
    spread = _Spread(max_document_bytes)
    longest = max_document_bytes + 1  # with its line break
    number = 0
    for block in _blocks(window, max_document_bytes):
        if isinstance(block, Reject):
            number += 1
            yield from spread.close()
            yield Reject(block.reason, block.raw, number)
            continue
        if not spread.lines and _usual(block, longest):
            yield Block(number + 1, block)
            number += len(block)
            continue
        for line in block:
            number += 1
            if line[0] == _OPEN and line[-2:] == _USUAL_END and not spread.lines and len(line) <= longest:
                yield number, line
            elif len(line) > longest or (len(line) == longest and line[-1] != _BREAK):
                yield from spread.close()
                yield too_large(line, max_document_bytes, number)
            else:
                yield from spread.take(number, line)
    yield from spread.close()


def _usual(block: list[bytes], longest: int) -> bool:
    """Whether every line begins and ends as an object does, and none is too long."""
    return (
        bool(block)
        and all(map(bytes.endswith, block, repeat(_USUAL_END)))
        and all(map(bytes.startswith, block, repeat(_USUAL_START)))
        and max(map(len, block)) <= longest
    )


def _blocks(window: Window, limit: int) -> Iterator[list[bytes] | Reject]:
    """Whole lines, as many as are in the buffer; a reject for one that is too long to be kept."""
    while True:
        if window.buffer.find(b"\n", window.position) >= 0:
            block = BytesIO(window.rest()).readlines()
            if not block[-1].endswith(b"\n"):
                window.position -= len(block.pop())  # it may go on
            yield block
        elif window.unread_bytes > limit:
            yield too_large(window.rest(), limit)
            _skip_line(window)
        elif not window.more():
            if window.unread_bytes:
                yield [window.rest()]
            return


def _skip_line(window: Window) -> None:
    while (end := window.buffer.find(b"\n", window.position)) < 0:
        window.rest()
        if not window.more():
            return
    window.position = end + 1


class _Spread:
    """Lines that are not plain documents: an object over several of them is put together again.

    A line that begins with ``{`` or ``[`` begins something new; any other goes on with what is open. So a
    line that was cut off loses only itself.
    """

    def __init__(self, limit: int) -> None:
        self.lines: list[bytes] = []
        self._limit = limit
        self._first = 0
        self._bytes = 0

    def take(self, number: int, line: bytes) -> Iterator[Line]:
        """What becomes complete with this line."""
        if self.lines and line[:1] not in (b"{", b"["):
            self._add(line)
            if self._bytes > self._limit:
                yield from self.close()
            return
        yield from self.close()
        text = line.strip(_BLANKS)
        if text.endswith(b","):
            text = text.rstrip(b", \t\r\n")
        if not text:
            return
        if text[:1] in (b"{", b"["):
            yield from self._opening(number, line, text)
        else:
            yield number, text

    def _opening(self, number: int, line: bytes, text: bytes) -> Iterator[Line]:
        if text[0] == _OPEN and text[-1] == _CLOSE:
            yield number, text
            return
        extent = Extent(0)
        if extent.end(text) >= 0:
            yield from _placed(number, text, self._limit)
        elif extent.in_string:
            yield rejected("a line that breaks off within a string: one event a line is expected", text, number)
        else:
            self._first = number
            self._add(line)

    def _add(self, line: bytes) -> None:
        self.lines.append(line)
        self._bytes += len(line)

    def close(self) -> Iterator[Line]:
        """The documents in the open lines, or one reject for all of them."""
        if not self.lines:
            return
        count, text = len(self.lines), b"".join(self.lines)
        self.lines, self._bytes = [], 0
        if count == 1:
            yield rejected(ENDLESS, text, self._first)
            return
        yield from _placed(self._first, text, self._limit)


def _placed(number: int, text: bytes, limit: int) -> Iterator[Line]:
    for one in cut(text, max_document_bytes=limit):
        yield Reject(one.reason, one.raw, number) if isinstance(one, Reject) else (number, one)
