"""Azure Resource Manager's Activity Log as it is documented, on a local port: shapes, limits and faults."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from firstseen.sources.times import parse_time

SUBSCRIPTION = "6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20"
API_VERSION = "2015-04-01"
MAX_PAGE = 50
HISTORY_US = 90 * 86_400_000_000

_PATH = re.compile(r"/subscriptions/([0-9a-f-]{36})/providers/Microsoft\.Insights/eventtypes/management/values")
_STAMP = r"'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{7})Z)'"
_FILTER = re.compile(
    rf"eventTimestamp ge {_STAMP} and eventTimestamp le {_STAMP}"
    r"( and (resourceGroupName|resourceUri|resourceProvider|correlationId) eq '[^']+')?"
)

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class FakeArm:
    """The service. ``faults``: request number (from 1) → status, ``drop``, ``not json`` or ``elsewhere``."""

    entries: list[dict[str, Any]]
    now_us: int
    faults: dict[int, str] = field(default_factory=dict)
    retry_after: str = "17"
    page: int = MAX_PAGE
    requests: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, target: str, host: str) -> Answer | None:
        """(status, headers, body); None: the connection is dropped."""
        self.requests += 1
        self.asked.append(target)
        fault = self.faults.get(self.requests, "")
        if fault == "drop":
            return None
        if fault == "not json":
            return 200, {}, b"<html>"
        if fault.isdigit():
            headers = {"Retry-After": self.retry_after} if fault == "429" else {}
            return _refused(int(fault), "Fault", headers)
        link_host = "http://elsewhere.example" if fault == "elsewhere" else host
        return self._page(target, link_host)

    def _page(self, target: str, host: str) -> Answer:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        place, asked = _PATH.fullmatch(parts.path), _FILTER.fullmatch(query.get("$filter", ""))
        if place is None or query.get("api-version") != API_VERSION or "$select" in query:
            return _refused(404, "InvalidResource")
        if asked is None:
            return _refused(400, "BadRequest")
        first, last = ticks(asked[1]), ticks(asked[3])
        if first > last or first // 10 < self.now_us - HISTORY_US:
            return _refused(400, "BadRequest")
        found = [
            one
            for one in self.entries
            if one["subscriptionId"] == place[1] and first <= ticks(one["eventTimestamp"]) <= last
        ]
        found.sort(key=lambda one: str(one["eventTimestamp"]), reverse=True)
        start = int(query.get("$skiptoken", "0"))
        body: dict[str, Any] = {"value": found[start : start + self.page]}
        if start + self.page < len(found):
            base = target.partition("&$skiptoken=")[0]
            body["nextLink"] = f"{host}{base}&$skiptoken={start + self.page}"
        return 200, {}, json.dumps(body).encode()


def _refused(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    return status, headers or {}, json.dumps({"error": {"code": code, "message": f"{code} it is"}}).encode()


def ticks(text: str) -> int:
    """Tenths of microseconds since 1970: seven digits are one more than we keep."""
    time_us = parse_time(text)
    assert time_us is not None
    return time_us * 10 + int(text[26:27] or "0")


RESOURCE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Payments/providers/Microsoft.Compute/virtualMachines/Pay-01"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"


def stamp(time_us: int, digit: int = 0) -> str:
    """With seven digits, as the service writes times."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}{digit}Z"


def entry(
    number: int,
    who: str,
    at: str,
    name: str = "Microsoft.Compute/virtualMachines/runCommand/action",
    status: str = "Succeeded",
) -> dict[str, Any]:
    """As the REST interface has it."""
    return {
        "authorization": {"action": name, "scope": RESOURCE},
        "caller": who,
        "channels": "Operation",
        "claims": {UPN: who, "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"},
        "correlationId": f"00000000-0000-4000-8000-{number:012d}",
        "description": "",
        "eventDataId": f"11111111-0000-4000-8000-{number:012d}",
        "eventName": {"value": "EndRequest", "localizedValue": "End request"},
        "category": {"value": "Administrative", "localizedValue": "Administrative"},
        "httpRequest": {"clientRequestId": "x", "clientIpAddress": "198.51.100.24", "method": "POST"},
        "id": f"{RESOURCE}/events/11111111-0000-4000-8000-{number:012d}/ticks/1",
        "level": "Informational",
        "resourceGroupName": "Payments",
        "resourceProviderName": {"value": "Microsoft.Compute", "localizedValue": "Microsoft.Compute"},
        "resourceId": RESOURCE,
        "resourceType": {"value": "Microsoft.Compute/virtualMachines", "localizedValue": ""},
        "operationId": f"00000000-0000-4000-8000-{number:012d}",
        "operationName": {"value": name, "localizedValue": "Run Command on Virtual Machine"},
        "properties": {"statusCode": "OK", "serviceRequestId": None, "eventCategory": "Administrative"},
        "status": {"value": status, "localizedValue": status},
        "subStatus": {"value": "OK" if status == "Succeeded" else "", "localizedValue": ""},
        "eventTimestamp": at,
        "submissionTimestamp": at,
        "subscriptionId": SUBSCRIPTION,
        "tenantId": "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
    }


_HUB_STATUS = {"Started": "Start", "Succeeded": "Success", "Failed": "Failure", "Accepted": "Accept"}


def hub_record(rest: dict[str, Any]) -> dict[str, Any]:
    """The same entry as a diagnostic setting writes it to an Event Hub."""
    status, sub = rest["status"]["value"], rest["subStatus"]["value"]
    return {
        "time": rest["eventTimestamp"],
        "resourceId": rest["resourceId"].upper(),
        "operationName": rest["operationName"]["value"].upper(),
        "category": "Administrative",
        "resultType": _HUB_STATUS[status],
        "resultSignature": f"{status}.{sub}",
        "durationMs": "0",
        "callerIpAddress": rest["httpRequest"]["clientIpAddress"],
        "correlationId": rest["correlationId"],
        "identity": {"authorization": rest["authorization"], "claims": rest["claims"]},
        "level": "Information",
        "properties": rest["properties"],
        "tenantId": rest["tenantId"],
    }


@contextmanager
def serving(service: FakeArm) -> Iterator[str]:
    """The URL while the service runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = service.answer(self.path, f"http://{self.headers['Host']}")
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

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
