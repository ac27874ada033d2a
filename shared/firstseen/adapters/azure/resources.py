"""Questions to Azure Resource Manager that change nothing: GET, and only that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.rest import HttpRequest

from firstseen.adapters.azure.activity_log_history import ENDPOINT, Client
from firstseen.adapters.azure.calling import Backoff, first_line, passes
from firstseen.adapters.azure.clients import CONNECT_SECONDS, READ_SECONDS
from firstseen.errors import InputError

Answer = Mapping[str, Any]
"""A resource as its provider writes it. Not typed further: ten types are asked for a field or two each."""

MAX_PAGES = 20
_ACCEPTED, _ABSENT, _DENIED = 200, 404, frozenset((401, 403))


class Absent(InputError):  # noqa: N818 - a state of the world, not a fault of the caller
    """What was asked about is not there."""


@dataclass(slots=True)
class Resources:
    """Reads resources as whoever is signed in.

    Attributes:
        client: see :func:`firstseen.adapters.azure.activity_log_history.activity_log_client`.
        endpoint_url: the client's; next pages are fetched from nowhere else.
        clock: seconds since 1970.
        skew_seconds: how far the clock here is ahead of Azure's, by the last answer that said its time; None: none did.
    """

    client: Client
    endpoint_url: str = ENDPOINT
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=3))
    clock: Callable[[], float] = time.time
    skew_seconds: float | None = None

    def get(self, path: str, version: str, **params: str) -> Answer:
        """One answer. Raises Absent; InputError when it cannot be seen, with the reason."""
        return self._get(f"{self.endpoint_url.rstrip('/')}{path}", {"api-version": version, **params})

    def each(self, path: str, version: str, **params: str) -> Iterator[Answer]:
        """The items of a list, at most :data:`MAX_PAGES` pages."""
        page = self.get(path, version, **params)
        for _ in range(MAX_PAGES):
            yield from page.get("value", ())
            link = page.get("nextLink")
            if not link or urlsplit(link).netloc != urlsplit(self.endpoint_url).netloc:
                return
            page = self._get(link, {})

    def _get(self, url: str, params: Mapping[str, str]) -> Answer:
        what = urlsplit(url).path
        for tried in range(1, self.backoff.attempts + 1):
            try:
                return self._asked(HttpRequest("GET", url, params=dict(params)), what)
            except AzureError as exc:
                if not passes(exc) or tried == self.backoff.attempts:
                    raise _fault(what, exc) from exc
            self.backoff.wait(tried)
        msg = "no attempt was allowed"
        raise InputError(msg)

    def _asked(self, request: HttpRequest, what: str) -> Answer:
        response = self.client.send_request(request, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
        if response.status_code != _ACCEPTED:
            raise HttpResponseError(response=response)
        try:
            self.skew_seconds = self.clock() - parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
        except (TypeError, ValueError):
            self.skew_seconds = None
        try:
            return msgspec.json.decode(response.read(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise InputError(f"{what} answers with what is no resource: {exc}") from exc


def _fault(what: str, exc: AzureError) -> InputError:
    status = exc.status_code if isinstance(exc, HttpResponseError) else None
    if status == _ABSENT:
        return Absent(f"{what}: it is not there")
    if status in _DENIED or isinstance(exc, ClientAuthenticationError):
        return InputError(f"{what}: access is denied: the role Reader on the resource group and subscription is needed")
    return InputError(f"{what} does not answer ({status or ''} {first_line(exc)})")
