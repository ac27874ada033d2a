"""A topic of Event Grid on this machine: takes CloudEvents over http, refuses what is none, and fails as it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "the-key-of-the-topic"
MAX_BODY_BYTES = 1_000_000

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_URI = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_ATTRIBUTES = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64")
)

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the topic answers instead of taking a call. ``after``: it took the call nevertheless."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False


Script = Callable[[list[Event]], Answer | None]


@dataclass(slots=True)
class Topic:
    """A topic that runs.

    Attributes:
        url: its endpoint.
        script: what a call with these events is answered; None: take it.
        calls: the uids of each call, whatever became of it.
        sizes: bytes of each call's body.
        taken: what arrived, in order.
    """

    url: str = ""
    script: Script = lambda _: None
    calls: list[list[str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)

    def received(self) -> list[str]:
        """Ids of what arrived since the last call."""
        ids = [one["id"] for one in self.taken]
        self.taken.clear()
        return ids

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Take a call or say why not."""
        fault = wrong_call(path, headers, body)
        if fault:
            return Answer(*fault)
        events: list[Event] = json.loads(body)
        self.calls.append([str(one.get("id")) for one in events])
        self.sizes.append(len(body))
        told = self.script(events)
        wrong = "; ".join(filter(None, map(wrong_event, events)))
        if told is not None and not told.after:
            return told
        if wrong:
            return Answer(400, f"BadRequest: {wrong}")
        self.taken += events
        return told or Answer(200)


def wrong_call(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str] | None:
    """What is wrong with a call as a whole."""
    split = urlsplit(path)
    if split.path != "/api/events" or parse_qs(split.query).get("api-version") != ["2018-01-01"]:
        return 404, "NotFound"
    if headers.get("aeg-sas-key") != KEY:
        return 401, "Unauthorized"
    if len(body) > MAX_BODY_BYTES:
        return 413, "RequestEntityTooLarge"
    if headers.get("Content-Type") != "application/cloudevents-batch+json; charset=utf-8":
        return 400, "BadRequest: content type"
    return None


def wrong_event(one: Event) -> str:
    """Why it is no CloudEvent 1.0 in JSON; "" if it is one. Written from the specification."""
    unknown = [name for name in one if name not in _ATTRIBUTES and not re.fullmatch("[a-z0-9]{1,20}", name)]
    if unknown:
        return f"attributes {unknown}"
    if one.get("specversion") != "1.0":
        return "specversion"
    for name in ("id", "source", "type"):
        if not isinstance(one.get(name), str) or not one[name]:
            return name
    if any(name in one and not one[name] for name in ("subject", "datacontenttype", "dataschema")):
        return "an empty attribute"
    if not _URI.fullmatch(one["source"]) or not _URI.fullmatch(one.get("dataschema", "a:b")):
        return "no URI"
    if "time" in one and not _TIME.fullmatch(one["time"]):
        return "time"
    context = [str(value) for name, value in one.items() if name not in {"data", "data_base64"}]
    if any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F or 0xD800 <= ord(char) <= 0xDFFF for char in "".join(context)):
        return "a forbidden character"
    return ""


def _handler(topic: Topic) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = topic.answer(self.path, dict(self.headers), body)
            said = json.dumps({"error": {"code": answer.code, "message": answer.code}}).encode()
            said = b"" if answer.status == 200 else said
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@contextmanager
def topic() -> Iterator[Topic]:
    """A topic with nothing in it, on a free port of 127.0.0.1."""
    made = Topic()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_port}/api/events"
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
