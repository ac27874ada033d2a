"""Objects of S3 as pieces of bytes: streamed, never whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import code_of
from firstseen.errors import InputError
from firstseen.pipeline import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 256 * 1024

GONE = frozenset(("404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NotFound"))
"""It does not exist (any more). S3 says so only to who may list the bucket; else it says that access is denied."""

ARCHIVED = "InvalidObjectState"
DENIED = frozenset(("403", "AccessDenied", "AllAccessDisabled", "Forbidden", "KMS.DisabledException"))


class Gone(Exception):  # noqa: N818 - a state of the world, not a fault
    """The object will never be read, with the reason; trying again is useless."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies. The key as S3 knows it, not as a notification encodes it."""

    bucket: str
    key: str

    def __str__(self) -> str:
        """The object's address."""
        return f"s3://{self.bucket}/{self.key}"


class Objects:
    """Reads objects. The client is made when the first one is read: most containers see none, or see many.

    Attributes:
        deadline_us: when the current batch has to give back what it has not finished; None: never.
    """

    def __init__(self, client: Callable[[], S3Client], clock: Clock) -> None:
        self.deadline_us: int | None = None
        self._make_client = client
        self._clock = clock

    @cached_property
    def _client(self) -> S3Client:
        return self._make_client()

    def chunks(self, place: Place) -> Iterator[bytes]:
        """The object's bytes. Raises Gone; InputError for what may succeed later: denied, throttled, out of time."""
        try:
            body = self._client.get_object(Bucket=place.bucket, Key=place.key)["Body"]
            for chunk in body.iter_chunks(CHUNK_BYTES):
                if self.deadline_us is not None and self._clock() >= self.deadline_us:
                    body.close()
                    msg = f"{place}: out of time; it will be read again from its start"
                    raise InputError(msg)
                yield chunk
        except ClientError as exc:
            raise _fault(place, code_of(exc)) from exc
        except BotoCoreError as exc:
            msg = f"{place}: cannot be read now: {exc}"
            raise InputError(msg) from exc


def _fault(place: Place, code: str) -> Exception:
    if code in GONE:
        return Gone(f"{place} does not exist: it was deleted before it was read, or the notification is wrong")
    if code == ARCHIVED:
        return Gone(f"{place} is archived: restore it, then send its notification again")
    if code in DENIED:
        return InputError(
            f"{place}: access is denied ({code}): let the function's role read this bucket (s3:GetObject, "
            "s3:ListBucket) and use its key (kms:Decrypt); if the bucket is not meant, end its notifications"
        )
    return InputError(f"{place}: S3 answers {code or 'an error'}")
