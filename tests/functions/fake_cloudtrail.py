"""CloudTrail's LookupEvents as it is documented, on a local port: shapes, limits and faults. moto has none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from firstseen.sources.times import parse_time

TARGET = "CloudTrail_20131101.LookupEvents"
MAX_PAGE = 50
REQUESTS_A_SECOND = 2
HISTORY_SECONDS = 90 * 86_400
SECOND_US = 1_000_000

ATTRIBUTES = {
    "EventId": "eventID",
    "EventName": "eventName",
    "EventSource": "eventSource",
}


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass
class FakeCloudTrail:
    """The service. ``faults``: request number (from 1) → error code, ``drop`` or ``500``."""

    events: list[dict[str, Any]]
    now_us: int
    clock: Clock = field(default_factory=Clock)
    faults: dict[int, str] = field(default_factory=dict)
    page: int = MAX_PAGE
    requests: int = 0
    throttled: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict)
    _times: list[float] = field(default_factory=list)

    def answer(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """(HTTP status, body)."""
        self.requests += 1
        self.asked.append(asked)
        fault = self.faults.get(self.requests) or self._too_fast()
        if fault == "500":
            return 500, {"__type": "InternalFailure", "message": "try again"}
        if fault:
            return 400, {"__type": fault, "message": fault}
        return self._page(asked)

    def _too_fast(self) -> str | None:
        now = self.clock.now()
        self._times = [one for one in self._times if now - one < 1 - 1e-9]
        if len(self._times) >= REQUESTS_A_SECOND:
            self.throttled += 1
            return "ThrottlingException"
        self._times.append(now)
        return None

    def _page(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        attributes = asked.get("LookupAttributes", [])
        size = asked.get("MaxResults", MAX_PAGE)
        start, end = asked.get("StartTime", 0), asked.get("EndTime", self.now_us / SECOND_US)
        if len(attributes) > 1 or any(one["AttributeKey"] not in ATTRIBUTES for one in attributes):
            return _refused("InvalidLookupAttributesException")
        if not 1 <= size <= MAX_PAGE:
            return _refused("InvalidMaxResultsException")
        if start > end or start < self.now_us / SECOND_US - HISTORY_SECONDS:
            return _refused("InvalidTimeRangeException")
        same = json.dumps({name: value for name, value in asked.items() if name != "NextToken"}, sort_keys=True)
        first = 0
        if "NextToken" in asked:
            of, first = self.tokens.get(asked["NextToken"], ("", 0))
            if of != same:
                return _refused("InvalidNextTokenException")
        found = [one for one in self.events if _fits(one, attributes, start, end)]
        found.sort(key=lambda one: str(one["eventTime"]), reverse=True)
        count = min(size, self.page)
        body: dict[str, Any] = {"Events": [_shaped(one) for one in found[first : first + count]]}
        if first + count < len(found):
            token = f"token-{len(self.tokens)}"
            self.tokens[token] = (same, first + count)
            body["NextToken"] = token
        return 200, body


def _refused(code: str) -> tuple[int, dict[str, Any]]:
    return 400, {"__type": code, "message": code}


def _seconds(event: dict[str, Any]) -> float:
    time_us = parse_time(event["eventTime"])
    assert time_us is not None
    return time_us / SECOND_US


def _fits(event: dict[str, Any], attributes: list[dict[str, str]], start: float, end: float) -> bool:
    return start <= _seconds(event) <= end and all(
        event.get(ATTRIBUTES[one["AttributeKey"]]) == one["AttributeValue"] for one in attributes
    )


def _shaped(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "EventTime": _seconds(event),
        "EventSource": event["eventSource"],
        "ReadOnly": "false",
        "Username": "somebody",
        "Resources": [],
        "CloudTrailEvent": json.dumps(event),
    }


@contextmanager
def serving(service: FakeCloudTrail) -> Iterator[str]:
    """The URL while the service runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"].endswith(TARGET)
            status, body = service.answer(asked)
            if body.get("__type") == "drop":
                self.close_connection = True
                return
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
