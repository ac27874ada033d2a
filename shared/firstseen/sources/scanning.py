"""Where one JSON value ends and the next begins, by brackets and strings alone.

A value's text is not checked here: a broken value that still closes its brackets loses only itself. The
expressions are possessive, so that no input makes them go back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from firstseen.sources.event import Reject
from firstseen.sources.views import rejected

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{\[]|([}\]])', re.DOTALL)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_any = msgspec.json.Decoder(msgspec.Raw)
SCALAR = re.compile(rb'[^\s,\[\]{}"]++')
_BETWEEN = re.compile(rb"[\s,]*+")
_QUOTE, _CLOSE_ARRAY = b'"]'
_SPACE = b" \t\r\n"


class Extent:
    """Finds the end of one object, array or string, over a buffer that may grow between calls.

    ``position`` is where the next call goes on; everything before it may be dropped, if ``position`` is moved
    along.
    """

    def __init__(self, start: int, depth: int = 0) -> None:
        self.position = start
        self.depth = depth
        self.in_string = False

    def end(self, buffer: bytes) -> int:
        """The index after the value's last byte, or -1 when the buffer ends before it."""
        if self.in_string and not self._string_ends(buffer):
            return -1
        if self.in_string:
            self.in_string = False
            if self.depth <= 0:
                return self.position
        depth = self.depth
        for token in _TOKEN.finditer(buffer, self.position):
            if buffer[token.start()] == _QUOTE:
                if not token[1]:
                    self.position, self.depth, self.in_string = token.end(), depth, True
                    return -1
            elif token[2]:
                depth -= 1
            else:
                depth += 1
            if depth <= 0:
                return token.end()
        self.position, self.depth = len(buffer), depth
        return -1

    def _string_ends(self, buffer: bytes) -> bool:
        found = _STRING_REST.match(buffer, self.position)
        if found is None:
            return False
        self.position = found.end()
        return bool(found[1])


def quick_end(buffer: bytes, start: int) -> int:
    """The index after the value that begins at ``start``; -1 when it is broken or not all there.

    msgspec reads one value at full speed and complains of what follows it, saying where that begins.
    """
    end = len(buffer)
    try:
        _any.decode(memoryview(buffer)[start:])
    except msgspec.DecodeError as exc:
        found = _TRAILING.search(str(exc))
        if found is None:
            return -1
        end = start + int(found[1]) - 1
    except RecursionError:
        return -1
    while buffer[end - 1] in _SPACE:
        end -= 1
    return end


def value_end(buffer: bytes, start: int) -> int:
    """The index after the value that begins at ``start``; -1 when the buffer ends before it."""
    if buffer[start] in b'{["':
        end = quick_end(buffer, start)
        return end if end >= 0 else Extent(start).end(buffer)
    found = SCALAR.match(buffer, start)
    return found.end() if found else start + 1


def after_blanks(buffer: bytes, start: int) -> int:
    """The index of the first byte from ``start`` on that is neither white space nor a comma."""
    found = _BETWEEN.match(buffer, start)
    return found.end() if found else start


def elements(array: bytes) -> Iterator[bytes | Reject]:
    """The elements of the array that ``array`` holds, one at a time; what is left when it does not end is a
    reject.
    """
    position = array.index(b"[") + 1
    while True:
        start = after_blanks(array, position)
        if start >= len(array) or array[start] == _CLOSE_ARRAY:
            return
        end = value_end(array, start)
        if end < 0:
            yield rejected("the array ends in the middle of an element", array[start:])
            return
        yield array[start:end]
        position = end
