"""State URLs: ``memory:``, ``sqlite:PATH``, ``dynamodb:TABLE``."""

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
        case "dynamodb" if rest:
            return _dynamodb(rest)
    msg = f"--state {url!r}: use memory:, sqlite:PATH or dynamodb:TABLE"
    raise SettingsError(msg)


def _dynamodb(table: str) -> Store:
    try:
        from firstseen.adapters.aws.clients import dynamodb_client
        from firstseen.adapters.aws.dynamodb import DynamoStore
    except ModuleNotFoundError as exc:
        msg = f"--state dynamodb:{table} needs boto3: pip install --require-hashes -r requirements/aws.txt"
        raise SettingsError(msg) from exc
    return DynamoStore(table, client=dynamodb_client())
