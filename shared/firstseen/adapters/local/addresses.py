"""Databases of addresses in MaxMind's format, which the user supplies: GeoLite2, DB-IP, IPinfo and the like."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from firstseen.errors import SettingsError
from firstseen.language.derived_names import locating
from firstseen.sources.registry import SOURCES

if TYPE_CHECKING:
    from firstseen.language.pack import Pack
    from firstseen.sources.source import Source

VARIABLE = "FIRSTSEEN_ADDRESS_DATABASES"
"""Files, divided as PATH is; what the first does not know of an address, the next is asked."""

MAX_FILES = 8
MAX_REMEMBERED = 4_096
"""Addresses whose record is kept, of each file; the one that was asked for longest ago makes room."""


class AddressDatabase:
    """One file, read by maxminddb, which maps it into memory. Its records are plain data.

    Raises SettingsError when the file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import maxminddb  # noqa: PLC0415 - only who has such rules pays for it
        except ModuleNotFoundError as exc:
            msg = f"{VARIABLE} needs the package maxminddb: it comes with firstseen[cli], [aws] and [azure]"
            raise SettingsError(msg) from exc
        try:
            self._reader = maxminddb.open_database(os.fspath(path))
        except (OSError, maxminddb.InvalidDatabaseError, ValueError) as exc:
            msg = f"{VARIABLE}: {path}: cannot be read as a database of addresses: {exc}"
            raise SettingsError(msg) from exc
        self._get = lru_cache(MAX_REMEMBERED)(self._reader.get)

    def get(self, ip_address: str, /) -> object:
        """The record of an address, or None. Raises ValueError for IPv6 in a database of IPv4."""
        return self._get(ip_address)

    def close(self) -> None:
        """Release the file."""
        self._reader.close()


class Databases:
    """The user's databases: opened when a pack first needs them, once for a process that runs several packs."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._readers: tuple[AddressDatabase, ...] = ()

    def sources(self, pack: Pack) -> Mapping[str, Source]:
        """The log sources for a pack: with the databases when one of its rules needs them, else as they are.

        Raises SettingsError when they are needed and not named, or cannot be opened.
        """
        titles = locating(pack)
        if not titles:
            return SOURCES
        if not 0 < len(self._names) <= MAX_FILES:
            msg = (
                f"{VARIABLE} names {len(self._names)} files, 1 to {MAX_FILES} are needed: databases of addresses in "
                f"MaxMind's format, for: {'; '.join(titles[:5])}"
            )
            raise SettingsError(msg)
        if not self._readers:
            self._readers = tuple(AddressDatabase(name) for name in self._names)
        return {name: replace(source, readers=self._readers) for name, source in SOURCES.items()}


def sources_for(pack: Pack, environment: Mapping[str, str]) -> Mapping[str, Source]:
    """As :meth:`Databases.sources`, with the files that the environment names."""
    return Databases([name for name in environment.get(VARIABLE, "").split(os.pathsep) if name]).sources(pack)
