"""Calls on queues and blobs: repeated while their faults pass, and said with the mend when they do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, TypedDict, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from firstseen.adapters.azure.calling import Backoff, code_of, first_line, passes
from firstseen.adapters.azure.clients import CONNECT_SECONDS, READ_SECONDS, credential
from firstseen.errors import SettingsError, StoreUnavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

ATTEMPTS = 4
"""Of one call: at most 1.4 seconds of waits between them."""

DENIED = frozenset((401, 403))
GONE = 404

T = TypeVar("T")


class Options(TypedDict):
    """What every client of ours is made with: short waits, and no retries but ours."""

    retry_total: int
    connection_timeout: int
    read_timeout: int


OPTIONS: Options = {"retry_total": 0, "connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asked for queues or blobs, and as whom. Nothing is asked before a client is used.

    Attributes:
        url: of one service: ``https://ACCOUNT.queue.core.windows.net``; not looked at with a connection string.
        connection_string: of the account, with its key: for emulators and local use; "": the identity asks.
        identity: who asks.
    """

    url: str
    connection_string: str = ""
    identity: Callable[[], TokenCredential] = credential


def unusable_connection_string() -> SettingsError:
    """What is raised for one that cannot be parsed; never with its text, which holds a key."""
    return SettingsError("the connection string of the storage account cannot be used: it is no connection string")


def _now_us() -> int:
    return time.time_ns() // 1_000


@dataclass(slots=True)
class Asker:
    """Makes calls until a deadline.

    Attributes:
        what: what is asked, for messages: ``queue put-aside``.
        role: what its user needs there.
        clock: the wall clock in microseconds; only compared with deadlines.
    """

    what: str
    role: str
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=ATTEMPTS))
    clock: Callable[[], int] = _now_us

    def ask(self, call: Callable[[], T], *, deadline_us: int | None = None) -> T:
        """What the call answers. No attempt is begun after the deadline.

        Raises StoreUnavailable after the last attempt, or at once for what does not pass. A call whose
        answer is lost may have taken effect: it is made again all the same.
        """
        said = "there was no time left"
        for tried in range(1, self.backoff.attempts + 1):
            if deadline_us is not None and self.clock() >= deadline_us:
                break
            try:
                return call()
            except (AzureError, HTTPException) as exc:
                said = first_line(exc)
                if isinstance(exc, AzureError) and not passes(exc):
                    raise StoreUnavailable(f"{self.what}: {self._mend(exc)} ({said})") from exc
            if tried < self.backoff.attempts:
                self.backoff.wait(tried)
        raise StoreUnavailable(f"{self.what} does not answer: try again later ({said})")

    def _mend(self, exc: AzureError) -> str:
        status = exc.status_code if isinstance(exc, HttpResponseError) else None
        if status in DENIED or isinstance(exc, ClientAuthenticationError):
            return f"access is denied: give the app's identity the role {self.role} there"
        if status == GONE:
            return "it does not exist: deploy it first"
        return f"the call is refused ({(code_of(exc) if isinstance(exc, HttpResponseError) else '') or status})"
