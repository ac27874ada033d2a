"""The part of a stream that is still needed: a buffer that grows on demand and forgets what was read."""

from __future__ import annotations

from collections.abc import Iterable

GROWTH_BYTES = 64 * 1024
"""More would be given back to the system each time: a page fault for every 4 KB."""


class Window:
    """Bytes of a stream from ``position`` on. Growing doubles what is unread, so that reading it again stays
    linear.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.buffer = b""
        self.position = 0
        self.ended = False

    @property
    def unread_bytes(self) -> int:
        """How much is in the buffer and not read yet."""
        return len(self.buffer) - self.position

    def more(self) -> bool:
        """Forget what was read, fetch more; ``position`` becomes 0. False when the stream has ended."""
        unread = self.buffer[self.position :]
        wanted = max(GROWTH_BYTES, len(unread))
        parts, got = [unread], 0
        while got < wanted:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
                break
            parts.append(chunk)
            got += len(chunk)
        self.buffer, self.position = b"".join(parts), 0
        return got > 0

    def fill(self, wanted_bytes: int) -> bytes:
        """Fetch until so much is unread or the stream ends; the unread bytes, at most ``wanted_bytes`` of
        them.
        """
        while self.unread_bytes < wanted_bytes and self.more():
            pass
        return self.buffer[self.position : self.position + wanted_bytes]

    def rest(self) -> bytes:
        """What is unread in the buffer, marked as read."""
        unread = self.buffer[self.position :]
        self.position = len(self.buffer)
        return unread
