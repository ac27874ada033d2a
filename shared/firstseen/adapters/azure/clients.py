"""Clients whose waits are short and whose retries are ours; and who asks: an identity first, else a key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict

from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient

from firstseen.adapters.azure.schema import is_table_name
from firstseen.errors import SettingsError

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential, TokenCredential
    from azure.core.pipeline.transport import HttpTransport

CONNECT_SECONDS = 3
READ_SECONDS = 10
"""How long one call may wait for its answer: what a deadline can be overrun by. A query may take the service five
seconds for one page.
"""


class _Call(TypedDict):
    retry_total: int
    connection_timeout: int
    read_timeout: int


CALL: _Call = {"retry_total": 0, "connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
"""Given to each call, whatever its client was made with. One attempt: :mod:`firstseen.adapters.azure.calling` counts,
waits and gives up, where it can be tested; and a repeat that the SDK makes hides whose write it was.
"""


def credential(environment: dict[str, str] | None = None) -> TokenCredential:
    """Who asks: the app's managed identity in Azure (the one of ``AZURE_CLIENT_ID``, if it has several), else
    whoever is signed in (``az login``, the variables of a service principal). No token is asked for yet.
    """
    found = dict(os.environ) if environment is None else environment
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential  # noqa: PLC0415 - 100 ms

    if "IDENTITY_ENDPOINT" in found:  # set for every app that has an identity
        return ManagedIdentityCredential(client_id=found.get("AZURE_CLIENT_ID"))
    return DefaultAzureCredential()


def table_client(
    account_url: str,
    table: str,
    *,
    credential: TokenCredential | AzureNamedKeyCredential,
    transport: HttpTransport | None = None,  # type: ignore[type-arg] # generic over the requests of both generations
) -> TableClient:
    """A client for :class:`firstseen.adapters.azure.table_store.TableStore`.

    ``account_url``: ``https://ACCOUNT.table.core.windows.net``. Raises SettingsError for what is no name of a table.
    """
    _check(table)
    return TableClient(account_url, table, credential=credential, transport=transport or RequestsTransport())


def local_table_client(
    connection_string: str,
    table: str,
    *,
    transport: HttpTransport | None = None,  # type: ignore[type-arg] # the same
) -> TableClient:
    """The same by connection string, which holds the account's key: for emulators and local use."""
    _check(table)
    try:
        return TableClient.from_connection_string(connection_string, table, transport=transport or RequestsTransport())
    except ValueError as exc:
        msg = "the connection string of the storage account cannot be used: it is no connection string"
        raise SettingsError(msg) from exc


def _check(table: str) -> None:
    if not is_table_name(table):
        msg = f"{table[:80]!r} is no name of a table: 3 to 63 letters and digits are wanted, a letter first"
        raise SettingsError(msg)
