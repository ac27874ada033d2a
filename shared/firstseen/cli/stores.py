"""State URLs: ``memory:``, ``sqlite:PATH``, ``dynamodb:TABLE``, ``tables:TABLE``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from firstseen.store.store import Store

LASTING = "sqlite:PATH, dynamodb:TABLE or tables:TABLE"
"""The forms of states that outlive the process."""


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
        case "tables" if rest:
            return _tables(rest)
    msg = f"--state {url!r}: use memory:, {LASTING}"
    raise SettingsError(msg)


def _dynamodb(table: str) -> Store:
    try:
        from firstseen.adapters.aws.clients import dynamodb_client
        from firstseen.adapters.aws.dynamodb import DynamoStore
    except ModuleNotFoundError as exc:
        msg = f"--state dynamodb:{table} needs boto3: pip install --require-hashes -r requirements/aws.txt"
        raise SettingsError(msg) from exc
    return DynamoStore(table, client=dynamodb_client())


def _tables(table: str) -> Store:
    """The variables are those of the Azure CLI. An account's key is used only where somebody has put it."""
    try:
        from firstseen.adapters.azure.clients import credential, local_table_client, table_client
        from firstseen.adapters.azure.table_store import TableStore
    except ModuleNotFoundError as exc:
        msg = f"--state tables:{table} needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    connection_string = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    if connection_string:
        return TableStore(local_table_client(connection_string, table))
    account = os.environ.get("AZURE_STORAGE_ACCOUNT", "")
    if not account:
        msg = f"--state tables:{table}: of which account? Set AZURE_STORAGE_ACCOUNT, and sign in with 'az login'"
        raise SettingsError(msg)
    return TableStore(table_client(f"https://{account}.table.core.windows.net", table, credential=credential()))
