"""Inputs of the command line: files, folders and standard input, as streams of bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import cast

import msgspec

from firstseen.errors import InputError

CHUNK_BYTES = 1 << 16
"""Larger buffers are given back to the system each time, and cost a page fault for every 4 KB."""

LOG_ENDINGS = (".json", ".jsonl", ".ndjson", ".log", ".gz")
SNIFFED_BYTES = 4096

Advance = Callable[[int], None]
"""Told how many bytes were read, for the progress bar."""


class Input(msgspec.Struct, frozen=True):
    """One stream.

    Attributes:
        name: as it is shown: the path as given, or ``-``.
        path: None for standard input.
        size_bytes: as it lies on disk; 0 if unknown.
        strange: in a folder, and looks like no log: named once instead of line by line.
    """

    name: str
    path: Path | None
    size_bytes: int
    strange: bool = False

    def chunks(self, advance: Advance) -> Iterator[bytes]:
        """The content in pieces. Raises InputError when it cannot be read."""
        try:
            if self.path is None:
                stdin = cast("BufferedReader", sys.stdin.buffer)  # read1: what is there now, not a whole chunk
                yield from _pieces(iter(lambda: stdin.read1(CHUNK_BYTES), b""), advance)
            else:
                with self.path.open("rb") as stream:
                    yield from _pieces(iter(lambda: stream.read(CHUNK_BYTES), b""), advance)
        except OSError as exc:
            msg = f"{self.name}: cannot be read: {exc.strerror or exc}"
            raise InputError(msg) from exc


def _pieces(blocks: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
    for block in blocks:
        advance(len(block))
        yield block


def find_inputs(names: list[str]) -> list[Input]:
    """The inputs that these arguments name: folders are walked in the order of their names.

    Raises InputError for a name that does not exist.
    """
    found: list[Input] = []
    for name in names:
        path = Path(name)
        if name == "-":
            found.append(Input("-", None, 0))
        elif path.is_dir():
            found.extend(_folder(path))
        elif path.exists():
            found.append(Input(name, path, path.stat().st_size if path.is_file() else 0))
        else:
            msg = f"{name}: no such file or folder"
            raise InputError(msg)
    return found


def _folder(folder: Path) -> Iterator[Input]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield Input(str(path), path, path.stat().st_size, strange=not _is_log(path))


def _is_log(path: Path) -> bool:
    if path.name.endswith(LOG_ENDINGS):
        return True
    try:
        with path.open("rb") as stream:
            start = stream.read(SNIFFED_BYTES)
    except OSError:
        return True  # reading it will say what is wrong
    return start.startswith(b"\x1f\x8b") or start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b"")
