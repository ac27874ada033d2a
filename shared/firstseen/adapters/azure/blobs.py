"""Blobs for what no queue's message holds."""

from __future__ import annotations

from functools import cached_property

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from firstseen.adapters.azure.asking import OPTIONS, Account, Asker, unusable_connection_string
from firstseen.adapters.azure.calling import code_of

ROLE = "Storage Blob Data Contributor"

_NO_BLOB = "BlobNotFound"


def container_client(account: Account, name: str) -> ContainerClient:
    """The client of one container. Raises SettingsError."""
    if not account.connection_string:
        return ContainerClient(account.url, name, credential=account.identity(), **OPTIONS)
    try:
        return ContainerClient.from_connection_string(account.connection_string, name, **OPTIONS)
    except ValueError as exc:
        raise unusable_connection_string() from exc


class Blobs:
    """The blobs of one container. The client is made when it is first used. Threads may share it."""

    def __init__(self, account: Account, container: str, asker: Asker | None = None) -> None:
        self._account = account
        self._container = container
        self._asker = asker or Asker(f"blob container {container}", ROLE)

    @cached_property
    def _client(self) -> ContainerClient:
        return container_client(self._account, self._container)

    def write(self, name: str, data: bytes, *, deadline_us: int | None = None) -> None:
        """Write a blob, over what was there. Raises StoreUnavailable."""
        self._asker.ask(lambda: self._client.upload_blob(name, data, overwrite=True), deadline_us=deadline_us)

    def read(self, name: str, *, deadline_us: int | None = None) -> bytes | None:
        """Its content; None: there is no such blob. Raises StoreUnavailable."""

        def call() -> bytes | None:
            try:
                return self._client.download_blob(name).readall()
            except ResourceNotFoundError as exc:
                if code_of(exc) != _NO_BLOB:
                    raise
                return None

        return self._asker.ask(call, deadline_us=deadline_us)

    def delete(self, name: str, *, deadline_us: int | None = None) -> None:
        """Remove a blob, if it is there. Raises StoreUnavailable."""

        def call() -> None:
            try:
                self._client.delete_blob(name)
            except ResourceNotFoundError as exc:
                if code_of(exc) != _NO_BLOB:
                    raise

        self._asker.ask(call, deadline_us=deadline_us)
