"""One clock for a test and for the processes that it starts: it runs, and the test moves it on."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.moved_clock.sitecustomize import VARIABLE

FOLDER = Path(__file__).with_name("moved_clock")


class MovedClock:
    """The wall clock of a deployment, in microseconds: as the machine's, so and so far ahead.

    Attributes:
        variables: what a process is told of it, beside :data:`FOLDER` on its PYTHONPATH.
    """

    def __init__(self, shared: mmap.mmap, path: Path, now_us: int) -> None:
        self._shared = shared
        self.variables = {VARIABLE: str(path)}
        self.set(now_us)

    def __call__(self) -> int:
        (ahead_us,) = struct.unpack_from("q", self._shared)
        return time.time_ns() // 1_000 + int(ahead_us)

    def set(self, now_us: int) -> None:
        """For every process at once."""
        struct.pack_into("q", self._shared, 0, now_us - time.time_ns() // 1_000)


@contextmanager
def moved_clock(path: Path, now_us: int) -> Iterator[MovedClock]:
    """A clock that says ``now_us``, in a file of its own."""
    path.write_bytes(bytes(8))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        yield MovedClock(shared, path, now_us)
