"""Questions to AWS that change nothing: whatever operation of whatever service has a name that says that it reads."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import code_of
from firstseen.errors import InputError, SettingsError

if TYPE_CHECKING:
    from botocore.client import BaseClient

Answer = Mapping[str, Any]
"""What a service says. Not typed further: nine services are asked for a field or two each."""

MAX_ITEMS = 1_000
"""Of one list."""

_READS = re.compile(r"(describe|get|list)_[a-z_]+")
_ABSENT = re.compile(r"ResourceNotFound|\w*NotFound(Exception)?|NoSuch\w+|.*NonExistentQueue|404")
_DENIED = re.compile(r"AccessDenied\w*|AuthorizationError\w*|\w*UnauthorizedOperation|403")
_PATIENT = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class Absent(InputError):  # noqa: N818 - a state of the world, not a fault of the caller
    """What was asked about is not there."""


@dataclass(slots=True)
class Asker:
    """Asks one account and region.

    Attributes:
        session: whose account and region.
        clock: seconds since 1970.
        skew_seconds: how far the clock here is ahead of AWS's, by the last answer that said its time; None: none did.
    """

    session: Session
    clock: Callable[[], float] = time.time
    skew_seconds: float | None = None
    _clients: dict[str, BaseClient] = field(default_factory=dict)

    def ask(self, service: str, operation: str, **asked: object) -> Answer:
        """One answer. Raises Absent; InputError when it cannot be seen, with the reason; SettingsError without a
        region or credentials.
        """
        if not _READS.fullmatch(operation):
            msg = f"{service}.{operation} does more than read"
            raise ValueError(msg)
        try:
            answer: Answer = getattr(self._client(service), operation)(**asked)
        except (BotoCoreError, ClientError) as exc:
            raise _fault(service, operation, exc) from exc
        self._compare(answer)
        return answer

    def each(self, service: str, operation: str, key: str, **asked: object) -> Iterator[Answer]:
        """The items of a list below ``key``, at most :data:`MAX_ITEMS`, however many pages they take."""
        if not _READS.fullmatch(operation):
            msg = f"{service}.{operation} does more than read"
            raise ValueError(msg)
        pages = self._client(service).get_paginator(operation).paginate(**asked)
        try:
            yield from islice((one for page in pages for one in page.get(key, ())), MAX_ITEMS)
        except (BotoCoreError, ClientError) as exc:
            raise _fault(service, operation, exc) from exc

    def _client(self, service: str) -> BaseClient:
        if service not in self._clients:
            try:
                make: Callable[..., BaseClient] = self.session.client
                self._clients[service] = make(service, config=_PATIENT)
            except (BotoCoreError, ValueError) as exc:
                msg = f"{service} cannot be asked: {exc}; set AWS_REGION and credentials, as for the aws command"
                raise SettingsError(msg) from exc
        return self._clients[service]

    def _compare(self, answer: Answer) -> None:
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            self.skew_seconds = self.clock() - parsedate_to_datetime(said).timestamp()
        except (TypeError, ValueError):
            return


def _fault(service: str, operation: str, exc: BotoCoreError | ClientError) -> InputError:
    action = f"{service}:{operation.title().replace('_', '')}"
    code = code_of(exc) if isinstance(exc, ClientError) else type(exc).__name__
    if _DENIED.fullmatch(code):
        return InputError(f"access is denied: {action}")
    if _ABSENT.fullmatch(code) or "does not exist" in str(exc):
        return Absent(f"{action}: it is not there")
    return InputError(f"{action} does not answer ({code}: {exc})")
