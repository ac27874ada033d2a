"""Packs published to S3: written once under their hash, with a pointer that is written only over what was read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import code_of
from firstseen.errors import InputError, SettingsError
from firstseen.language.published import MAX_POINTER_BYTES, MAX_PUBLISHED_BYTES, POINTER, Version, pack_name

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_ABSENT = frozenset(("404", "NoSuchKey", "NotFound"))
_TAKEN = frozenset(("409", "412", "ConditionalRequestConflict", "PreconditionFailed"))
"""Somebody else wrote, or is writing, the same object. A pointer that was expected and is gone is ``NoSuchKey``."""
_DENIED = frozenset(("403", "AccessDenied", "AllAccessDisabled", "Forbidden"))

_PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


def packs_client(session: Session | None = None, *, endpoint_url: str | None = None) -> S3Client:
    """A client for :class:`S3Shelf`. Raises SettingsError when the profile is none."""
    try:
        return (session or Session()).client("s3", endpoint_url=endpoint_url, config=_PATIENT)
    except (BotoCoreError, ValueError) as exc:
        raise SettingsError(f"S3 cannot be asked: {exc}") from exc


class S3Shelf:
    """A :class:`firstseen.language.published.Shelf` below one prefix of one bucket.

    Attributes:
        address: ``s3://BUCKET/PREFIX``.
    """

    def __init__(self, bucket: str, prefix: str, client: Callable[[], S3Client]) -> None:
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._make_client = client

    @cached_property
    def _client(self) -> S3Client:
        return self._make_client()

    def read_pointer(self) -> tuple[bytes, Version] | None:
        """See the protocol."""
        return self._read(POINTER, MAX_POINTER_BYTES)

    def write_pointer(self, data: bytes, expected: Version | None) -> bool:
        """See the protocol. A write whose answer was lost may say that it was not written: read it again."""
        asked = self._asked(POINTER, data, "application/json")
        asked |= {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        return self._write(asked)

    def read_pack(self, digest: str) -> bytes | None:
        """See the protocol."""
        found = self._read(pack_name(digest), MAX_PUBLISHED_BYTES)
        return None if found is None else found[0]

    def write_pack(self, digest: str, data: bytes) -> None:
        """See the protocol."""
        self._write(self._asked(pack_name(digest), data, "application/octet-stream") | {"IfNoneMatch": "*"})

    def _read(self, name: str, limit: int) -> tuple[bytes, Version] | None:
        """The object's first ``limit`` bytes and one more, so that the reader sees that it is too large."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            with answer["Body"] as body:
                return body.read(limit + 1), answer["ETag"]
        except ClientError as exc:
            if code_of(exc) in _ABSENT:
                return None
            raise self._fault(exc, "s3:GetObject, s3:ListBucket") from exc
        except BotoCoreError as exc:
            raise self._fault(exc, "") from exc

    def _asked(self, name: str, data: bytes, kind: str) -> PutObjectRequestTypeDef:
        return {"Bucket": self._bucket, "Key": self._prefix + name, "Body": data, "ContentType": kind}

    def _write(self, asked: PutObjectRequestTypeDef) -> bool:
        try:
            self._client.put_object(**asked)
        except ClientError as exc:
            if code_of(exc) in _TAKEN or (code_of(exc) in _ABSENT and "IfMatch" in asked):
                return False
            raise self._fault(exc, "s3:PutObject") from exc
        except BotoCoreError as exc:
            raise self._fault(exc, "") from exc
        return True

    def _fault(self, exc: Exception, needed: str) -> InputError:
        code = code_of(exc) if isinstance(exc, ClientError) else ""
        if code in _DENIED:
            return InputError(f"{self.address}: access is denied: allow {needed} there, and the use of its key")
        if code == "NoSuchBucket":
            return InputError(f"{self.address}: there is no such bucket")
        return InputError(f"{self.address}: S3 does not do it now ({exc})")
