"""Connections to Azure that fail on purpose: the n-th call, before or after it takes effect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from tests.faults.faulty import When

Fault = Callable[[], HTTPResponse]


def lost() -> HTTPResponse:
    """An answer that never came: whether the call took effect is not known."""
    raise requests.ReadTimeout


def unreachable() -> HTTPResponse:
    """Nobody answers at all."""
    raise requests.ConnectionError


def answered(status: int, code: str = "") -> Fault:
    """An answer of Table Storage that says no."""
    said = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "as asked"}}}
    headers = {"Content-Type": "application/json"}
    if code:
        headers["x-ms-error-code"] = code

    def fault() -> HTTPResponse:
        body = BytesIO(json.dumps(said).encode())
        return HTTPResponse(body, headers, status, reason=code, preload_content=False)

    return fault


@dataclass
class Wire(HTTPAdapter):
    """Stands between clients and their services; counts every call.

    Attributes:
        fail_at: the call that fails, from 1; None: none.
        when: before it took effect, or after.
        fail_for: how many in a row.
        fault: what happens instead of an answer.
        only: the only calls that are counted, as a part of their name; "": every.
        names: what was called: method, and what it is about.
        failed: how many calls failed on purpose.
    """

    fail_at: int | None = None
    when: When = "before"
    fail_for: int = 1
    fault: Fault = lost
    only: str = ""
    names: list[str] = field(default_factory=list)
    failed: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def session(self) -> requests.Session:
        """Connections that go through this wire."""
        made = requests.Session()
        made.trust_env = False  # no proxy is asked for
        made.mount("http://", self)
        return made

    def send(self, request: requests.PreparedRequest, *args: Any, **named: Any) -> requests.Response:  # noqa: ANN401
        name = _name(request)
        if self.only not in name:
            return super().send(request, *args, **named)
        self.names.append(name)
        first = self.fail_at
        if first is None or not first <= len(self.names) < first + self.fail_for:
            return super().send(request, *args, **named)
        self.failed += 1
        if self.when == "after":
            super().send(request, *args, **named).close()
        return self.build_response(request, self.fault())


def _name(request: requests.PreparedRequest) -> str:
    """``POST $batch``, ``GET table(PartitionKey='…',RowKey='K')`` without the partition."""
    path = urlsplit(request.url or "").path
    _, row, key = path.rpartition("RowKey=")
    return f"{request.method} {key.strip('()') if row else path.rpartition('/')[2]}"
