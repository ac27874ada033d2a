"""Matches of a whole input, given back in event-time order with bounded memory.

Folders of a trail are ordered by region, not by time, so `replay` first collects what matched and then steps it in
order. Up to :data:`RUN_MATCHES` matches are held; more are written to a temporary file as sorted runs and merged.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

import msgspec

from firstseen.deliveries import Match
from firstseen.errors import InputError
from firstseen.sources.event import Event, Reject
from firstseen.sources.registry import SOURCES
from firstseen.sources.views import view_of

RUN_MATCHES = 20_000
RUN_BYTES = 32 * 1024 * 1024
READ_BYTES = 1 << 16
SIZE_BYTES = 4
"""Before each row on disk: its size."""


class _Row(msgspec.Struct, array_like=True, order=True):
    time_us: int
    event_id: str
    number: int
    source: str
    bases: tuple[int, ...]
    handle: str
    pointer: str
    operation_id: str
    remarks: tuple[str, ...]
    raw: bytes


class Spool:
    """Use as a context manager: leaving it removes what lies on disk."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._bytes = 0
        self._count = 0
        self._runs: list[tuple[int, int]] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        """How many matches were put in."""
        return self._count

    def add(self, match: Match) -> None:
        """Keep one event with its matches."""
        event = match.event
        row = _Row(
            event.time_us,
            event.id,
            self._count,
            event.source.name,
            match.bases,
            match.handle,
            match.pointer,
            event.operation_id,
            event.remarks,
            event.raw,
        )
        self._rows.append(row)
        self._count += 1
        self._bytes += len(event.raw)
        if len(self._rows) >= RUN_MATCHES or self._bytes >= RUN_BYTES:
            self._write_run()

    def in_order(self, received_us: int) -> Iterator[Match]:
        """Every match by event time, then event id, then the order of putting in.

        Raises InputError when what was put in cannot be got out again: no match is dropped.
        """
        self._rows.sort()
        for row in heapq.merge(self._rows, *(self._read_run(*run) for run in self._runs)):
            yield Match(_event(row, received_us), row.bases, row.handle, row.pointer)

    def _write_run(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="firstseen-")  # noqa: SIM115 - closed by __exit__
        self._rows.sort()
        start = self._file.seek(0, 2)
        encode = msgspec.msgpack.Encoder().encode
        for row in self._rows:
            data = encode(row)
            self._file.write(len(data).to_bytes(SIZE_BYTES, "big"))
            self._file.write(data)
        self._runs.append((start, self._file.tell()))
        self._rows, self._bytes = [], 0

    def _read_run(self, start: int, end: int) -> Iterator[_Row]:
        decode = msgspec.msgpack.Decoder(_Row).decode
        file = self._file
        if file is None:
            return
        held, position = b"", start
        while position < end or held:
            while len(held) < SIZE_BYTES or len(held) < SIZE_BYTES + int.from_bytes(held[:SIZE_BYTES], "big"):
                file.seek(position)
                block = file.read(min(READ_BYTES, end - position))
                if not block:
                    msg = "the temporary file of this run was cut short: is the disk full?"
                    raise InputError(msg)
                position += len(block)
                held += block
            row_end = SIZE_BYTES + int.from_bytes(held[:SIZE_BYTES], "big")
            yield decode(held[SIZE_BYTES:row_end])
            held = held[row_end:]


def _event(row: _Row, received_us: int) -> Event:
    """The event as it was put in. Only its view is made again: half the work of reading it. Raises InputError."""
    view = view_of(row.raw)
    if isinstance(view, Reject):
        msg = f"{row.pointer}: its event was read once and cannot be read again: {view.reason}"
        raise InputError(msg)
    source = SOURCES[row.source]
    return Event(source, row.raw, view, row.event_id, row.operation_id, row.time_us, received_us, row.remarks)
