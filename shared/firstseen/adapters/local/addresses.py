"""Databases of addresses in MaxMind's format, which the user supplies: GeoLite2, DB-IP, IPinfo and the like."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
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
"""Addresses whose record is kept; the one that was asked for longest ago makes room."""


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
        self._known: OrderedDict[str, object] = OrderedDict()

    def get(self, ip_address: str, /) -> object:
        """The record of an address, or None. Raises ValueError for IPv6 in a database of IPv4."""
        if ip_address in self._known:
            self._known.move_to_end(ip_address)
            return self._known[ip_address]
        found: object = self._reader.get(ip_address)
        self._known[ip_address] = found
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return found

    def close(self) -> None:
        """Release the file."""
        self._reader.close()


def sources_for(pack: Pack, environment: Mapping[str, str]) -> Mapping[str, Source]:
    """The log sources for a pack: with the user's databases when one of its rules needs them, else as they are.

    Raises SettingsError when they are needed and not named, or cannot be opened.
    """
    titles = locating(pack)
    if not titles:
        return SOURCES
    names = [name for name in environment.get(VARIABLE, "").split(os.pathsep) if name]
    if not names or len(names) > MAX_FILES:
        msg = (
            f"{VARIABLE} names {len(names)} files, 1 to {MAX_FILES} are needed: databases of addresses in MaxMind's "
            f"format, for: {'; '.join(titles[:5])}"
        )
        raise SettingsError(msg)
    readers = tuple(AddressDatabase(name) for name in names)
    return {name: replace(source, readers=readers) for name, source in SOURCES.items()}
