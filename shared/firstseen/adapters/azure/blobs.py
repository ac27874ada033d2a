"""Blobs for what no queue's message holds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from http.client import HTTPException
from typing import TypedDict

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from firstseen.adapters.azure.asking import OPTIONS, Account, Asker, unusable_connection_string
from firstseen.adapters.azure.calling import code_of, first_line
from firstseen.adapters.azure.kept import LEADS_OUT, leads_out
from firstseen.errors import InputError

ROLE = "Storage Blob Data Contributor"
READER = "Storage Blob Data Reader"

CHUNK_BYTES = 4 * 1024 * 1024
"""Of one call, where a blob is read in pieces: each has READ_SECONDS."""

_NO_BLOB = "BlobNotFound"
_ARCHIVED = "BlobArchived"
_DENIED = frozenset((401, 403))


class _Sizes(TypedDict):
    max_single_get_size: int
    max_chunk_get_size: int


_SIZES: _Sizes = {"max_single_get_size": CHUNK_BYTES, "max_chunk_get_size": CHUNK_BYTES}


class Gone(Exception):  # noqa: N818 - a state of the world, not a fault
    """The blob will never be read, with the reason; trying again is useless."""


def container_client(account: Account, name: str) -> ContainerClient:
    """The client of one container. Raises SettingsError."""
    if not account.connection_string:
        return ContainerClient(account.url, name, credential=account.identity(), **OPTIONS, **_SIZES)
    try:
        return ContainerClient.from_connection_string(account.connection_string, name, **OPTIONS, **_SIZES)
    except ValueError as exc:
        raise unusable_connection_string() from exc


class Blobs:
    """The blobs of one container, and of no other, whatever their names. Threads may share it.

    The client is made when it is first used.
    """

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

        return None if leads_out(name) else self._asker.ask(call, deadline_us=deadline_us)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Its content in pieces of CHUNK_BYTES. Once begun, a blob that is written anew meanwhile fails.

        Raises Gone; InputError for what may succeed later: denied, throttled, changed.
        """
        place = f"blob:{self._container}/{name}"
        if leads_out(name):
            raise Gone(f"{place}: {LEADS_OUT}")
        try:
            yield from self._client.download_blob(name).chunks()
        except HttpResponseError as exc:
            raise _fault(place, exc) from exc
        except (AzureError, HTTPException) as exc:
            raise InputError(f"{place}: cannot be read now: {first_line(exc)}") from exc

    def delete(self, name: str, *, deadline_us: int | None = None) -> None:
        """Remove a blob, if it is there. Raises StoreUnavailable."""

        def call() -> None:
            try:
                self._client.delete_blob(name)
            except ResourceNotFoundError as exc:
                if code_of(exc) != _NO_BLOB:
                    raise

        if not leads_out(name):
            self._asker.ask(call, deadline_us=deadline_us)


def _fault(place: str, exc: HttpResponseError) -> Exception:
    code = code_of(exc)
    if code == _NO_BLOB:
        return Gone(f"{place} does not exist: it was deleted before it was read, or the notice is wrong")
    if code == _ARCHIVED:
        return Gone(f"{place} is archived: bring it back, then put it in again")
    if exc.status_code in _DENIED:
        return InputError(f"{place}: access is denied: give the app's identity the role {READER} on its container")
    return InputError(f"{place}: the service answers {code or exc.status_code}")
