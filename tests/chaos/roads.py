"""The road from one process to one service: a server that hands calls on, or does not, as the weather wants it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import urlsplit

from tests.chaos.weather import Fate, Service

UPSTREAM_SECONDS = 60.0
_HOPS = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"))


@dataclass(frozen=True, slots=True)
class Request:
    """A call on its way."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Dialect = Callable[[Request, Fate], Answer]
"""How a service says that it is away or throttles, or that it stumbled."""


@dataclass(frozen=True, slots=True)
class Road:
    """One process's way to the services behind one address.

    Attributes:
        url: of what stands behind.
        service: which one a call is for.
        dialect: what its faults look like.
        fate: of the next call.
        kill: kills the process.
        turn: held while a call is made, where the emulator must not be asked twice at once.
        took: told how many seconds the service took for a call, without the wait for its turn.
    """

    url: str
    service: Callable[[Request], Service]
    dialect: Dialect
    fate: Callable[[Service], Fate]
    kill: Callable[[], None]
    turn: AbstractContextManager[object] = nullcontext()  # noqa: RUF009 - it holds nothing
    took: Callable[[Service, float], None] = lambda _, __: None


class _Handler(BaseHTTPRequestHandler):
    road: ClassVar[Road]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream: HTTPConnection | None = None

    def do_any(self) -> None:
        request = self.request_of()
        service = self.road.service(request)
        fate = self.road.fate(service)
        if fate == "killed before":
            return self.dead()
        if fate in {"away", "throttled"}:
            return self.answer(self.road.dialect(request, fate))
        answer = self.made(request, service)
        match fate:
            case "stumbled":
                self.answer(self.road.dialect(request, fate))
            case "lost":
                self.hang_up()
            case "killed unanswered":
                self.dead()
            case _:
                self.answer(answer)
        if fate == "killed after":
            self.dead()
        return None

    do_GET = do_POST = do_PUT = do_DELETE = do_MERGE = do_PATCH = do_HEAD = do_any  # noqa: N815 - names there

    def request_of(self) -> Request:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self.chunks()
        return Request(self.command, self.path, dict(self.headers), body)

    def chunks(self) -> bytes:
        """A body that is sent in pieces."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def made(self, request: Request, service: Service) -> Answer:
        """Make the call; over a connection that the emulator has closed meanwhile, once more."""
        with self.road.turn:
            began = time.perf_counter()
            try:
                return self.asked(request)
            except (HTTPException, OSError):
                self.let_go()
                return self.asked(request)
            finally:
                self.road.took(service, time.perf_counter() - began)

    def asked(self, request: Request) -> Answer:
        if self.upstream is None:
            behind = urlsplit(self.road.url)
            self.upstream = HTTPConnection(behind.hostname or "", behind.port, timeout=UPSTREAM_SECONDS)
            self.upstream.connect()
            self.upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        headers["Content-Length"] = str(len(request.body))
        self.upstream.request(request.method, request.path, request.body, headers)
        response: HTTPResponse = self.upstream.getresponse()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _HOPS}
        return Answer(response.status, kept, response.read())

    def answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def dead(self) -> None:
        self.road.kill()
        self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True

    def let_go(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        self.upstream = None

    def finish(self) -> None:
        self.let_go()
        super().finish()

    def log_message(self, *_: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A process that was killed leaves its connection as it was."""


@contextmanager
def opened(road: Road) -> Iterator[str]:
    """The address at which a process finds what stands behind the road."""
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"road": road})) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
