"""Clients of AWS that fail on purpose: the n-th call, before or after it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.faults.faulty import When


def error(code: str, status: int = 400, **more: object) -> ClientError:
    """What botocore raises for an answer of AWS."""
    named = {"Error": {"Code": code, "Message": "as asked"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    response: Any = {**named, **more}
    return ClientError(response, "Call")


def lost() -> ReadTimeoutError:
    """An answer that never came: whether the call took effect is not known."""
    return ReadTimeoutError(endpoint_url="https://dynamodb.eu-central-1.amazonaws.com")


@dataclass(slots=True)
class Wire:
    """Stands between clients and their services; counts every API call.

    Attributes:
        fail_at: the call that fails, from 1; None: none.
        when: before it took effect, or after.
        fail_for: how many in a row.
        fault: makes what is raised.
        only: the only API call that is counted, e.g. ``PutItem``; "": every.
        names: what was called.
        failed: how many calls failed on purpose.
    """

    fail_at: int | None = None
    when: When = "before"
    fail_for: int = 1
    fault: Callable[[], Exception] = lost
    only: str = ""
    names: list[str] = field(default_factory=list)
    failed: int = 0

    def tap(self, client: Any) -> Callable[[], None]:  # noqa: ANN401 - of any service
        """Put the wire before a client; a function that takes it out again."""
        call = client._make_api_call

        def wired(name: str, arguments: object) -> object:
            if self.only not in ("", name):
                return call(name, arguments)
            self.names.append(name)
            first = self.fail_at
            if first is None or not first <= len(self.names) < first + self.fail_for:
                return call(name, arguments)
            self.failed += 1
            if self.when == "after":
                call(name, arguments)
            raise self.fault()

        client._make_api_call = wired
        return lambda: setattr(client, "_make_api_call", call)
