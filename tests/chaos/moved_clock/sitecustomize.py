"""Moves the wall clock of a process of the functions, by what its parent writes into a file (tests/chaos/moving.py).

On the PYTHONPATH of the process, so that the package runs as it was built.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

VARIABLE = "MOVED_CLOCK"
"""Names the file: one signed integer of eight bytes, in microseconds."""


def move(path: Path) -> None:
    """From now on ``time.time_ns`` is as far ahead as the file says when it is asked."""
    with path.open("rb") as file:
        ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real = time.time_ns

    def time_ns() -> int:
        (moved_us,) = struct.unpack_from("q", ahead)
        return real() + int(moved_us) * 1_000

    time.time_ns = time_ns


if VARIABLE in os.environ:
    move(Path(os.environ[VARIABLE]))
