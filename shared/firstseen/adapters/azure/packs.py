"""Packs published to a blob container, as to a bucket: the pointer is written only over what was read.

An address is the one that Azure shows for a blob: ``https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX``. Sovereign
clouds have other hosts; an emulator has its account in the path (``http://127.0.0.1:10000/devstoreaccount1/…``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.storage.blob import ContainerClient, ContentSettings, LinearRetry

from firstseen.adapters.azure.calling import code_of, first_line
from firstseen.adapters.azure.clients import credential
from firstseen.errors import InputError, SettingsError
from firstseen.language.published import MAX_POINTER_BYTES, MAX_PUBLISHED_BYTES, POINTER, Version, pack_name

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport

READ_ROLE, WRITE_ROLE = "Storage Blob Data Reader", "Storage Blob Data Contributor"

_LOCAL_HOSTS = frozenset(("127.0.0.1", "localhost", "::1"))
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}", re.ASCII)
_ABSENT = frozenset(("BlobNotFound", "ResourceNotFound"))
_TAKEN = frozenset(("BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "BlobNotFound"))
"""Somebody else wrote the same blob, or removed it. Names, since 404 is also what a missing container answers."""
_NO_BYTES = "InvalidRange"
"""The answer to a range of an empty blob."""
_DENIED = frozenset((401, 403))


_CONNECT_SECONDS, _READ_SECONDS = 2, 10
_RETRIES, _BACKOFF_SECONDS = 2, 1
"""The SDK's own first wait is 15 seconds, which is longer than a function wants to wait for its rules."""


def is_blob_address(address: str) -> bool:
    """Whether an address is meant for a blob container."""
    return address.startswith(("https://", "http://"))


def blob_shelf(
    address: str,
    *,
    connection_string: str = "",
    identity: Callable[[], TokenCredential] = credential,
    transport: HttpTransport | None = None,  # type: ignore[type-arg] # generic over the requests of both generations
) -> BlobShelf:
    """The shelf at an address; nothing is asked yet, and no token. Raises SettingsError.

    ``connection_string`` holds the account's key (``AZURE_STORAGE_CONNECTION_STRING``): for emulators and local use.
    Where it is empty, ``identity`` is asked for, once the shelf is used.
    """
    account_url, container, prefix = _parts(address)
    options: dict[str, Any] = {  # untyped in the SDK
        "retry_policy": LinearRetry(backoff=_BACKOFF_SECONDS, retry_total=_RETRIES, random_jitter_range=1),
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
    }
    if transport is not None:
        options["transport"] = transport
    container_url = f"{account_url}/{container}"
    if not connection_string:
        return BlobShelf(
            container_url, prefix, lambda: ContainerClient(account_url, container, credential=identity(), **options)
        )
    try:
        keyed = ContainerClient.from_connection_string(connection_string, container, **options)
    except ValueError as exc:
        raise SettingsError("AZURE_STORAGE_CONNECTION_STRING is no connection string") from exc
    if keyed.url.rstrip("/").casefold() != container_url.casefold():
        raise SettingsError(f"{address}: AZURE_STORAGE_CONNECTION_STRING is another account's: unset it")
    return BlobShelf(container_url, prefix, lambda: keyed)


def _parts(address: str) -> tuple[str, str, str]:
    """The account's url, the container, the prefix."""
    parts = urlsplit(address)
    local = parts.hostname in _LOCAL_HOSTS
    segments = [one for one in parts.path.split("/") if one]
    account = f"/{segments.pop(0)}" if local and segments else ""
    odd = parts.query or parts.fragment or parts.username or ".." in segments
    ours = local or "blob" in (parts.hostname or "").split(".")  # a token goes nowhere else
    secure = parts.scheme == "https" or (local and parts.scheme == "http")
    if odd or not ours or not secure or not segments or not _CONTAINER.fullmatch(segments[0]):
        msg = f"{address[:200]!r}: use https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX, without a query"
        raise SettingsError(msg)
    return f"{parts.scheme}://{parts.netloc}{account}", segments[0], "/".join(segments[1:])


class BlobShelf:
    """A :class:`firstseen.language.published.Shelf` below one prefix of one container.

    ``container_url`` is ``https://ACCOUNT.blob.core.windows.net/CONTAINER``; ``client`` is called with the first use.

    Attributes:
        address: the container's url with the prefix.
    """

    def __init__(self, container_url: str, prefix: str, client: Callable[[], ContainerClient]) -> None:
        self.address = f"{container_url.rstrip('/')}/{prefix.strip('/')}".rstrip("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._make_client = client

    @cached_property
    def _client(self) -> ContainerClient:
        return self._make_client()

    def read_pointer(self) -> tuple[bytes, Version] | None:
        """See the protocol."""
        return self._read(POINTER, MAX_POINTER_BYTES)

    def write_pointer(self, data: bytes, expected: Version | None) -> bool:
        """See the protocol. A write whose answer was lost may say that it was not written: read it again."""
        return self._write(POINTER, data, "application/json", expected)

    def read_pack(self, digest: str) -> bytes | None:
        """See the protocol."""
        found = self._read(pack_name(digest), MAX_PUBLISHED_BYTES)
        return None if found is None else found[0]

    def write_pack(self, digest: str, data: bytes) -> None:
        """See the protocol."""
        self._write(pack_name(digest), data, "application/octet-stream", None)

    def _read(self, name: str, limit: int) -> tuple[bytes, Version] | None:
        """The blob's first ``limit`` bytes and one more, so that the reader sees that it is too large."""
        blob = self._client.get_blob_client(self._prefix + name)
        try:
            try:
                found = blob.download_blob(offset=0, length=limit + 1)
                return found.readall(), found.properties.etag
            except HttpResponseError as exc:
                if code_of(exc) != _NO_BYTES:
                    raise
                return b"", blob.get_blob_properties().etag
        except AzureError as exc:
            if isinstance(exc, HttpResponseError) and code_of(exc) in _ABSENT:
                return None
            raise self._fault(exc, READ_ROLE) from exc

    def _write(self, name: str, data: bytes, kind: str, expected: Version | None) -> bool:
        blob, settings = self._client.get_blob_client(self._prefix + name), ContentSettings(content_type=kind)
        try:
            if expected is None:
                blob.upload_blob(data, overwrite=False, content_settings=settings)
            else:
                blob.upload_blob(
                    data, overwrite=True, content_settings=settings,
                    etag=expected, match_condition=MatchConditions.IfNotModified,
                )  # fmt: skip
        except AzureError as exc:
            if isinstance(exc, HttpResponseError) and code_of(exc) in _TAKEN:
                return False
            raise self._fault(exc, WRITE_ROLE) from exc
        return True

    def _fault(self, exc: AzureError, role: str) -> InputError:
        if isinstance(exc, HttpResponseError):
            if code_of(exc) == "ContainerNotFound":
                return InputError(f"{self.address}: there is no such container")
            if exc.status_code in _DENIED:
                return InputError(f"{self.address}: access is denied: give this identity the role {role} there")
        if isinstance(exc, ClientAuthenticationError):
            mend = "give the app a managed identity, or sign in with 'az login'"
            return InputError(f"{self.address}: Azure does not know who asks: {mend} ({first_line(exc)})")
        return InputError(f"{self.address}: Blob Storage does not do it now ({first_line(exc)})")
