"""Gzip, undone while it streams: several members, one gzip within another, broken ends, bombs.

What can be read is passed on; why the rest cannot is said once, in :attr:`Plain.fault`. Memory stays at one
piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

decompressor: Callable[..., Any]
Damage: tuple[type[Exception], ...]
try:  # two to three times as fast; the same interface
    from isal import isal_zlib
except ImportError:  # pragma: no cover - the tests put the fallback in by hand
    decompressor, Damage = zlib.decompressobj, (zlib.error,)
else:
    decompressor = isal_zlib.decompressobj
    Damage = (isal_zlib.IsalError, zlib.error)  # type: ignore[assignment]  # its stub calls the class an instance

MAX_LAYERS = 2
MAX_RATIO = 200
"""Audit logs shrink to a tenth or a fiftieth; deflate's own limit is 1,032 for each layer."""

FREE_BYTES = 64 * 1024 * 1024
"""Small inputs may shrink further than :data:`MAX_RATIO` (the same event over and over)."""

_MEND = "fetch or write it again"
_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31
_SLICE_BYTES = 16 * 1024  # small: further members copy what is left of a slice, damage loses what it unpacks to
_PIECE_BYTES = 1024 * 1024


class Plain:
    """The bytes of an input, unpacked as far as they are gzip. To be iterated once.

    ``fault`` is set when the iteration ended early: why, in one line.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.fault: str | None = None
        self._chunks = chunks
        self._packed_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of any size, none of them empty."""
        chunks: Iterator[bytes] = (chunk for chunk in self._chunks if chunk)
        for layer in range(MAX_LAYERS + 1):
            head, chunks = _peek(chunks, len(_MAGIC))
            if head != _MAGIC:
                yield from chunks
                return
            chunks = self._unpacked(chunks, outermost=layer == 0)
        self._fail(f"gzip within gzip, more than {MAX_LAYERS} deep: unpack it first")

    def _fail(self, fault: str) -> None:
        self.fault = self.fault or fault  # the first cause stops the other layers too

    def _unpacked(self, chunks: Iterator[bytes], *, outermost: bool) -> Iterator[bytes]:
        """The content of one layer, member by member."""
        member, total_bytes, members = None, 0, 0
        for packed in _slices(chunks):
            data = packed
            self._packed_bytes += len(data) if outermost else 0
            while data:
                if member is None:
                    data = data.lstrip(b"\0") if members else data  # padding between members
                    if not data:
                        break
                    member, members = decompressor(_GZIP_WBITS), members + 1
                try:
                    piece: bytes = member.decompress(data, _PIECE_BYTES)
                except Damage as exc:
                    self._fail(f"damaged gzip data after {total_bytes:,} unpacked bytes ({exc}): {_MEND}")
                    return
                total_bytes += len(piece)
                if total_bytes > FREE_BYTES + MAX_RATIO * self._packed_bytes:
                    self._fail(f"a gzip bomb, unpacks to over {MAX_RATIO} times its size: unpack it by hand")
                    return
                if piece:
                    yield piece
                data, member = (member.unused_data, None) if member.eof else (member.unconsumed_tail, member)
        if member is not None:
            self._fail(f"the gzip data end early, after {total_bytes:,} unpacked bytes: {_MEND}")


def _slices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in slices of one size, so that where damage is found does not depend on the chunks."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % _SLICE_BYTES
        for start in range(0, whole, _SLICE_BYTES):
            yield data[start : start + _SLICE_BYTES]
        rest = data[whole:]
    if rest:
        yield rest


def _peek(chunks: Iterator[bytes], wanted_bytes: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and the chunks again from the start."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= wanted_bytes:
            break
    return head[:wanted_bytes], _again(head, chunks)


def _again(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from chunks
