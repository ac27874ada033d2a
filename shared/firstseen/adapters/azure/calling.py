"""Calls on Azure: which faults pass, how long to wait between tries, and what was used."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Lock
from typing import TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from firstseen.errors import StoreUnavailable, StoreUnusable

PASSING_STATUSES = frozenset((408, 429, 500, 502, 503, 504))
"""The service is busy or stumbled: the same call may succeed in a moment."""

_ABSENT_TABLE = frozenset(("TableNotFound", "TableBeingDeleted"))
_DISABLED = frozenset(("AccountIsDisabled", "AuthorizationFailure", "AuthorizationPermissionMismatch"))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often a call is tried and how long is waited between.

    Attributes:
        attempts: of one call, the first included.
        first_seconds, longest_seconds: the bound of the first wait, which doubles each time, and its own bound. With
            seven attempts the waits add up to at most 6.3 seconds.
        sleep: waits so many seconds.
        jitter: a number from 0 to 1; a wait is that part of its bound, so that workers do not come back together.
    """

    attempts: int = 7
    first_seconds: float = 0.1
    longest_seconds: float = 4.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def seconds(self, tried: int) -> float:
        """The wait after ``tried`` attempts (1 or more)."""
        bound: float = self.first_seconds * 2 ** (tried - 1)
        return min(self.longest_seconds, bound) * self.jitter()

    def wait(self, tried: int) -> None:
        """Wait before the next attempt."""
        self.sleep(self.seconds(tried))


class ConditionFailed(Exception):  # noqa: N818 - an answer, not a fault
    """A conditional write was not made: the row is there, is not, or is another by now."""


def code_of(exc: HttpResponseError) -> str:
    """Azure's name of the error, "" if it gave none. ``create_entity`` raises without one, so the answer is asked."""
    code = getattr(exc, "error_code", None)
    code = code or header_of(exc, "x-ms-error-code") or (exc.error.code if exc.error is not None else None)
    return str(getattr(code, "value", code) or "")


def header_of(exc: HttpResponseError, name: str) -> str:
    """A header of the answer, "" if there is none."""
    headers: Mapping[str, str] = getattr(exc.response, "headers", {})
    return headers.get(name, "")


def passes(exc: AzureError | HTTPException) -> bool:
    """Whether the same call may succeed later: throttling, a stumbling service, a network that lost an answer.

    An answer that cannot be parsed counts as lost. A credential that could not be had does not pass, unless its own
    service stumbled.
    """
    if isinstance(exc, HttpResponseError) and exc.status_code is not None:
        return exc.status_code in PASSING_STATUSES
    return not isinstance(exc, ClientAuthenticationError)


def is_condition(exc: HttpResponseError) -> bool:
    """Whether it answers a condition: it exists, does not exist, or is another version."""
    return exc.status_code in {404, 409, 412} and code_of(exc) not in _ABSENT_TABLE


def unusable(table: str, exc: AzureError) -> StoreUnusable:
    """What a lasting fault means, with the mend. Decided by class, status and code, never by message."""
    status = exc.status_code if isinstance(exc, HttpResponseError) else None
    code = code_of(exc) if isinstance(exc, HttpResponseError) else ""
    if code in _ABSENT_TABLE:
        mend = "there is no such table in this account: check the name and the account, or deploy first"
    elif status == 403 or code in _DISABLED:  # noqa: PLR2004 - HTTP's own number
        mend = (
            "access is denied: give this identity the role Storage Table Data Contributor on the account or table, "
            "and let the account's firewall pass it"
        )
    elif isinstance(exc, ClientAuthenticationError) or status == 401:  # noqa: PLR2004 - HTTP's own number
        mend = "Azure does not know who asks: give the app a managed identity, or sign in with 'az login'"
    else:
        mend = f"Table Storage refuses the call ({code or status or type(exc).__name__})"
    return StoreUnusable(f"table {table}: {mend} ({first_line(exc)})")


def first_line(exc: Exception) -> str:
    """What it says, without the ids and times that Azure puts below."""
    lines = str(exc).splitlines()
    return lines[0] if lines else type(exc).__name__


@dataclass(slots=True)
class Calls:
    """Makes every call on one table: counts, repeats what passes, translates what does not. Threads may share it.

    Attributes:
        operations: ``calls``; entities asked for as ``reads``, written as ``writes``, ``transactions``; ``retries``.
    """

    table: str
    backoff: Backoff
    operations: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def count(self, **numbers: int) -> None:
        """Add to the operations."""
        with self._lock:
            self.operations.update(numbers)

    def make(self, call: Callable[[], T], **numbers: int) -> T:
        """One call, repeated while its faults pass. ``numbers`` are counted once.

        Raises ConditionFailed, which after a repeat may be the echo of one's own write; StoreUnavailable after the
        last attempt; StoreUnusable at once.
        """
        self.count(**numbers)
        for tried in range(1, self.backoff.attempts + 1):
            self.count(calls=1)
            try:
                return call()
            except (AzureError, HTTPException) as exc:
                if isinstance(exc, HttpResponseError) and is_condition(exc):
                    raise ConditionFailed(code_of(exc)) from exc
                if isinstance(exc, AzureError) and not passes(exc):
                    raise unusable(self.table, exc) from exc
                if tried == self.backoff.attempts:
                    raise self.unavailable(first_line(exc)) from exc
            self.count(retries=1)
            self.backoff.wait(tried)
        raise self.unavailable("no attempt was allowed")

    def unavailable(self, said: str) -> StoreUnavailable:
        """The table did not answer within the attempts."""
        return StoreUnavailable(f"table {self.table} does not answer: try again later ({said})")
