"""What the Function app was seen to ask of Azure: each request as the right that it needs, and what it needs it on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.pipeline.transport import RequestsTransport

STORAGE = "Microsoft.Storage/storageAccounts"
ENTITIES = f"{STORAGE}/tableServices/tables/entities"
QUEUE = f"{STORAGE}/queueServices/queues"
MESSAGES = f"{QUEUE}/messages"
BLOBS = f"{STORAGE}/blobServices/containers/blobs"
SEND_EVENTS = "Microsoft.EventGrid/events/send/action"
READ_LOG = "Microsoft.Insights/eventtypes/values/read"

_ENTITY = {
    "GET": "read",
    "POST": "add/action",
    "PUT": "write",
    "PATCH": "update/action",
    "MERGE": "update/action",
    "DELETE": "delete",
}
_BLOB = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "delete"}
_PART = re.compile(rb"^(GET|POST|PUT|PATCH|MERGE|DELETE) (http\S+) HTTP/1\.1", re.MULTILINE)
"""One of a transaction."""

Need = tuple[str, str]
"""A right, and the kind and name of what it is needed on."""


@dataclass
class Calls:
    """Requests that the app made while somebody looked.

    Attributes:
        urls: of the services, by their kind; a request to any other is a fault of this module.
        seen: what they need.
    """

    urls: Mapping[str, str]
    seen: set[Need] = field(default_factory=set)
    looking: bool = False

    @contextmanager
    def by_app(self) -> Iterator[None]:
        """What is asked now, the app asks."""
        self.looking = True
        try:
            yield
        finally:
            self.looking = False

    def note(self, method: str, url: str, body: bytes) -> None:
        """One request."""
        if not self.looking:
            return
        kind, path, query = self._place(url)
        match kind:
            case "table" if path == "$batch":
                parts = [(part[1].decode(), self._place(part[2].decode())[1]) for part in _PART.finditer(body)]
                assert parts, "a transaction without parts"
                self.seen.update(_entity(*one) for one in parts)
            case "table":
                self.seen.add(_entity(method, path))
            case "queue":
                self.seen.add(_message(method, path, query))
            case "blob":
                container = path.partition("/")[0]
                assert query.get("restype") != ["container"] or query.get("comp") == ["list"], path
                self.seen.add((f"{BLOBS}/{_BLOB[method]}", f"container {container}"))
            case "topic":
                assert method == "POST"
                self.seen.add((SEND_EVENTS, "topic"))
            case "log":
                assert method == "GET"
                assert "/eventtypes/management/values" in path
                self.seen.add((READ_LOG, "subscription"))

    def _place(self, url: str) -> tuple[str, str, dict[str, list[str]]]:
        """Which service, the path within it, the query. Raises StopIteration for one that is not known."""
        kind, base = next((kind, base) for kind, base in self.urls.items() if url.startswith(base))
        return kind, urlsplit(url).path.removeprefix(urlsplit(base).path).strip("/"), parse_qs(urlsplit(url).query)


def _entity(method: str, path: str) -> Need:
    return f"{ENTITIES}/{_ENTITY[method]}", f"table {path.partition('(')[0]}"


def _message(method: str, path: str, query: Mapping[str, list[str]]) -> Need:
    """Of a queue the app writes messages and asks how many there are; taking them is the host's."""
    name, _, rest = path.partition("/")
    match method, rest, query.get("comp"):
        case "POST", "messages", None:
            return f"{MESSAGES}/add/action", f"queue {name}"
        case "GET", "", ["metadata"]:
            return f"{QUEUE}/read", f"queue {name}"
    msg = f"{method} {path} {dict(query)}: say here what it needs"
    raise KeyError(msg)


@contextmanager
def recorded(urls: Mapping[str, str]) -> Iterator[Calls]:
    """Every client of the SDK sends by this transport."""
    calls, send = Calls(urls), RequestsTransport.send

    def noted(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401 - of both generations of the SDK
        body = request.body if hasattr(request, "body") else request.content
        calls.note(request.method, request.url, body if isinstance(body, bytes) else str(body or "").encode())
        return send(self, request, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestsTransport, "send", noted)
        yield calls
