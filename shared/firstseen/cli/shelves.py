"""Where packs are published: ``s3://BUCKET/PREFIX``, a blob container's address, ``file:FOLDER``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from firstseen.errors import SettingsError
from firstseen.language.published import Shelf

if TYPE_CHECKING:
    from firstseen.adapters.aws.packs import S3Shelf
    from firstseen.adapters.azure.packs import BlobShelf


class Named(Shelf, Protocol):
    """A shelf that says where it is."""

    address: str


def open_shelf(url: str) -> Named:
    """The shelf that a URL names; nothing is asked yet. Raises SettingsError."""
    if url.startswith("s3://"):
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if bucket:
            return _s3(bucket, prefix)
    elif url.startswith("file:") and url != "file:":
        from firstseen.adapters.local.packs import FolderShelf

        return FolderShelf(Path(url.removeprefix("file:")))
    elif url.startswith(("https://", "http://")):
        return _blob(url)
    msg = f"--to {url!r}: use s3://BUCKET/PREFIX, https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX or file:FOLDER"
    raise SettingsError(msg)


def _s3(bucket: str, prefix: str) -> S3Shelf:
    try:
        from firstseen.adapters.aws.packs import S3Shelf, packs_client
    except ModuleNotFoundError as exc:
        msg = f"--to s3://{bucket} needs boto3: pip install --require-hashes -r requirements/aws.txt"
        raise SettingsError(msg) from exc
    client = packs_client()
    return S3Shelf(bucket, prefix, lambda: client)


def _blob(address: str) -> BlobShelf:
    """The variable is that of the Azure CLI. An account's key is used only where somebody has put it."""
    try:
        from firstseen.adapters.azure.packs import blob_shelf
    except ModuleNotFoundError as exc:
        msg = f"--to {address} needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    return blob_shelf(address, connection_string=os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
