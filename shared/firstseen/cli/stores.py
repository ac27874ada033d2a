"""State URLs: ``memory:``, ``sqlite:PATH``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from firstseen.store.store import Store


def open_store(url: str) -> Store:
    """The store that a state URL names. Raises SettingsError for an unknown scheme, StoreError from the store."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "memory":
            from firstseen.adapters.local.memory import MemoryStore

            return MemoryStore()
        case "sqlite" if rest:
            from firstseen.adapters.local.sqlite import SQLiteStore

            return SQLiteStore(rest)
    msg = f"--state {url!r}: use memory: or sqlite:PATH"
    raise SettingsError(msg)
