"""Packs published to a folder, with the same rules as in a bucket."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firstseen.errors import InputError
from firstseen.language.published import MAX_POINTER_BYTES, MAX_PUBLISHED_BYTES, POINTER, Version, pack_name

_LOCK = ".lock"


class FolderShelf:
    """A :class:`firstseen.language.published.Shelf` in one folder; processes of one machine may share it.

    Attributes:
        address: ``file:FOLDER``.
    """

    def __init__(self, folder: Path) -> None:
        self.address = f"file:{folder}"
        self._folder = folder

    def read_pointer(self) -> tuple[bytes, Version] | None:
        """See the protocol."""
        data = self._read(POINTER, MAX_POINTER_BYTES)
        return None if data is None else (data, hashlib.sha256(data).hexdigest())

    def write_pointer(self, data: bytes, expected: Version | None) -> bool:
        """See the protocol."""
        with self._alone():
            found = self.read_pointer()
            if (found and found[1]) != expected:
                return False
            self._replace(POINTER, data)
            return True

    def read_pack(self, digest: str) -> bytes | None:
        """See the protocol."""
        return self._read(pack_name(digest), MAX_PUBLISHED_BYTES)

    def write_pack(self, digest: str, data: bytes) -> None:
        """See the protocol."""
        with self._alone():
            if not (self._folder / pack_name(digest)).exists():
                self._replace(pack_name(digest), data)

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise InputError(f"{self.address}/{name}: cannot be read: {exc.strerror or exc}") from exc

    def _replace(self, name: str, data: bytes) -> None:
        """Whole or not at all."""
        path = self._folder / name
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            (self._folder / pack_name("")).parent.mkdir(parents=True, exist_ok=True)
            with (self._folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as exc:
            raise InputError(f"{self.address}: cannot be written: {exc.strerror or exc}") from exc
