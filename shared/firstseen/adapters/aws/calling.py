"""Calls on AWS: which faults pass, how long to wait between tries, and what was used."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.errors import StoreError, StoreUnavailable, StoreUnusable

CONDITION_FAILED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"

PASSING_CODES = frozenset(
    (
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "KMSThrottling",
        "KMSThrottlingException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    )
)
"""The service is busy or stumbled: the same call may succeed in a moment."""

_AUTHENTICATION = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    )
)

_NO_IDENTITY = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)

Answer = TypeVar("Answer", bound=Mapping[str, object])


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a call is tried and how long is waited between.

    Attributes:
        attempts: of one call, the first included.
        first_seconds, longest_seconds: the bound of the first wait, which doubles each time, and its own bound. With
            seven attempts the waits add up to at most 3.2 seconds.
        sleep: waits so many seconds.
        jitter: a number from 0 to 1; a wait is that part of its bound, so that workers do not come back together.
    """

    attempts: int = 7
    first_seconds: float = 0.05
    longest_seconds: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def seconds(self, tried: int) -> float:
        """The wait after ``tried`` attempts (1 or more)."""
        bound: float = self.first_seconds * 2 ** (tried - 1)
        return min(self.longest_seconds, bound) * self.jitter()

    def wait(self, tried: int) -> None:
        """Wait before the next attempt."""
        self.sleep(self.seconds(tried))


def code_of(exc: ClientError) -> str:
    """AWS's name of the error."""
    return exc.response.get("Error", {}).get("Code", "")


def passes(exc: BotoCoreError | ClientError) -> bool:
    """Whether the same call may succeed later: throttling, a stumbling service, a network that lost an answer."""
    if isinstance(exc, ClientError):
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(exc) in PASSING_CODES or status >= 500 or status == 429  # noqa: PLR2004 - HTTP's own numbers
    return not isinstance(exc, (*_NO_IDENTITY, exceptions.ParamValidationError))


def unusable(table: str, exc: BotoCoreError | ClientError) -> StoreError:
    """What a lasting fault means, with the mend. Decided by code, never by message."""
    code = code_of(exc) if isinstance(exc, ClientError) else ""
    if isinstance(exc, _NO_IDENTITY) or code in _AUTHENTICATION:
        mend = "AWS does not know who asks: sign in, or set AWS_PROFILE or a role"
    elif code in {"ResourceNotFoundException", "TableNotFoundException"}:
        mend = "there is no such table in this account and region: check the name and AWS_REGION, or deploy first"
    elif code in {"AccessDeniedException", "AccessDenied"}:
        mend = "access is denied: allow this role the table's read and write actions, and its key's if it has one"
    elif code == "ValidationException":
        mend = "it is no table of this version of firstseen (its keys or indexes differ): deploy the template's table"
    else:
        mend = f"DynamoDB refuses the call ({code or type(exc).__name__})"
    return StoreUnusable(f"DynamoDB table {table}: {mend} ({exc})")


@dataclass(slots=True)
class Calls:
    """Makes every call on one table: counts, repeats what passes, translates what does not. Threads may share it.

    Attributes:
        operations: ``calls``; items asked for as ``reads``, written as ``writes``, ``transactions``; ``retries``.
        units: capacity units by ``read`` and ``write``, when the calls ask for them.
    """

    table: str
    backoff: Backoff
    operations: Counter[str] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def count(self, **numbers: int) -> None:
        """Add to the operations."""
        with self._lock:
            self.operations.update(numbers)

    def make(self, call: Callable[[], Answer], **numbers: int) -> Answer:
        """One call, repeated while its faults pass. ``numbers`` are counted once.

        Raises ClientError for a condition that failed and a transaction that was cancelled: these are answers.
        StoreUnavailable after the last attempt, StoreUnusable at once.
        """
        self.count(**numbers)
        for tried in range(1, self.backoff.attempts + 1):
            self.count(calls=1)
            try:
                answer = call()
            except (BotoCoreError, ClientError) as exc:
                if isinstance(exc, ClientError) and code_of(exc) in {CONDITION_FAILED, CANCELLED}:
                    raise
                if isinstance(exc, exceptions.ParamValidationError):  # our own mistake
                    raise
                if not passes(exc):
                    raise unusable(self.table, exc) from exc
                if tried == self.backoff.attempts:
                    raise self.unavailable(str(exc)) from exc
            else:
                self._measure(answer, "read" if "reads" in numbers else "write")
                return answer
            self.count(retries=1)
            self.backoff.wait(tried)
        raise self.unavailable("no attempt was allowed")

    def unavailable(self, said: str) -> StoreUnavailable:
        """The table did not answer within the attempts."""
        return StoreUnavailable(f"DynamoDB table {self.table} does not answer: try again later ({said})")

    def refused(self, said: str) -> StoreUnusable:
        """The table will never take this."""
        return StoreUnusable(f"DynamoDB table {self.table} refuses a write: {said}")

    def _measure(self, answer: Mapping[str, object], kind: str) -> None:
        """Add the capacity that the answer reports, if it was asked to."""
        consumed = answer.get("ConsumedCapacity")
        reports = consumed if isinstance(consumed, list) else [consumed]
        with self._lock:
            for report in reports:
                if isinstance(report, dict):
                    self.units[kind] = self.units.get(kind, 0.0) + float(report.get("CapacityUnits", 0.0))
