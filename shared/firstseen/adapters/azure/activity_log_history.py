"""The Activity Log's own history: what was done in a subscription in the last 90 days, without a diagnostic setting.

::

    GET /subscriptions/ID/providers/Microsoft.Insights/eventtypes/management/values
        $filter: a stretch of time, and at most one of provider, group, resource, correlation id · newest first
        pages by nextLink · 429 with Retry-After when others ask as well
    not in it   what was done to the tenant itself, Entra ID, data inside resources, other subscriptions

Not by ``azure-mgmt-monitor``: its models turn nested properties into Python's notation and drop the seventh digit of
times, so the bytes have to be taken from below it anyway; what is left of it is this one request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import msgspec
from azure.core import PipelineClient
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse

import firstseen
from firstseen.adapters.azure.calling import Backoff, code_of, first_line, header_of, passes
from firstseen.adapters.azure.clients import CONNECT_SECONDS
from firstseen.errors import InputError, SettingsError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport

ENDPOINT = "https://management.azure.com"
"""Azure Resource Manager; sovereign clouds have others."""

API_VERSION = "2015-04-01"
HISTORY_DAYS = 90
READ_SECONDS = 30
"""How long one page may take: the service looks through a day for it."""

MAX_PAGES = 100_000
"""Of one question. A service that never ends its pages must not hold us for ever."""

LONGEST_WAIT_SECONDS = 60.0
"""Of what a Retry-After asks for. Who is asked to wait longer stops, and goes on in another run."""

ROLE = "Monitoring Reader"

_ACCEPTED = 200
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Client = PipelineClient[HttpRequest, HttpResponse]


def activity_log_client(
    credential: TokenCredential | None,
    *,
    endpoint_url: str = ENDPOINT,
    transport: HttpTransport[HttpRequest, HttpResponse] | None = None,
) -> Client:
    """A client for :class:`ActivityLogHistory`. Makes no repeats of its own and follows no redirect.

    ``credential``: an identity with the role Monitoring Reader; None asks without one, which only a stand-in answers.
    Raises SettingsError for what is no endpoint.
    """
    parts = urlsplit(endpoint_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        msg = f"{endpoint_url[:200]!r} is no endpoint of Azure Resource Manager: {ENDPOINT}"
        raise SettingsError(msg)
    base_url = endpoint_url.rstrip("/")
    authentication = (
        SansIOHTTPPolicy[HttpRequest, HttpResponse]()
        if credential is None
        else BearerTokenCredentialPolicy[HttpRequest, HttpResponse](credential, f"{base_url}/.default")
    )
    return PipelineClient(
        base_url,
        policies=[RequestIdPolicy(), UserAgentPolicy(f"firstseen/{firstseen.__version__}"), ProxyPolicy(),
                  authentication],
        transport=transport or RequestsTransport(),
    )  # fmt: skip


class _Page(msgspec.Struct):
    value: list[msgspec.Raw]
    next_link: str | None = msgspec.field(default=None, name="nextLink")


_page = msgspec.json.Decoder(_Page)


@dataclass(slots=True)
class ActivityLogHistory:
    """The Activity Log of one subscription.

    Attributes:
        subscription: its id.
        client: see :func:`activity_log_client`.
        endpoint_url: the client's; next pages are fetched from nowhere else, since they are asked with our token.
        backoff: for throttling, 5xx and lost answers.
        longest_wait_seconds: see :data:`LONGEST_WAIT_SECONDS`; a function has less time than a command.
        requests: how many were made.
        retries: how many of them were another try.
    """

    subscription: str
    client: Client
    endpoint_url: str = ENDPOINT
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=7, first_seconds=1.0, longest_seconds=30.0))
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS
    requests: int = 0
    retries: int = 0

    def __post_init__(self) -> None:
        """Raises SettingsError for what is no id of a subscription: it becomes part of an address."""
        if not _SUBSCRIPTION.fullmatch(self.subscription):
            msg = f"{self.subscription[:80]!r} is no id of a subscription: see 'az account list --output table'"
            raise SettingsError(msg)

    def events(self, attribute: str = "Everything", value: str = "", *, from_us: int, to_us: int) -> Iterator[bytes]:
        """The entries with ``from_us`` ≤ time < ``to_us``, newest first, as the service wrote them.

        All of them, whatever ``attribute`` and ``value`` say: other histories are asked for less. This one could be
        asked by the provider of the *resource*, which need not be that of the operation (a policy that audits a
        database is an entry of the database's provider). Raises InputError when the history cannot be read.
        """
        del attribute, value
        said = f"eventTimestamp ge '{_written(from_us)}0Z' and eventTimestamp le '{_written(to_us - 1)}9Z'"
        path = f"/subscriptions/{self.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
        params = {"api-version": API_VERSION, "$filter": said}  # the service takes both ends in; it has seven digits
        request = HttpRequest("GET", f"{self.endpoint_url.rstrip('/')}{path}", params=params)
        for _ in range(MAX_PAGES):
            page = self._page(request)
            yield from map(bytes, page.value)
            if not page.next_link:
                return
            request = HttpRequest("GET", self._checked(page.next_link))
        msg = f"the Activity Log of subscription {self.subscription} has more than {MAX_PAGES:,} pages"
        raise InputError(msg)

    def _checked(self, link: str) -> str:
        if _origin(urlsplit(link)) != _origin(urlsplit(self.endpoint_url)):
            msg = f"the Activity Log's next page lies at another host, which is not asked: {link[:100]!r}"
            raise InputError(msg)
        return link

    def _page(self, request: HttpRequest) -> _Page:
        for tried in range(1, self.backoff.attempts + 1):
            self.requests += 1
            try:
                return self._asked(request)
            except AzureError as exc:
                if not passes(exc) or tried == self.backoff.attempts:
                    raise _unreadable(self.subscription, exc) from exc
                wait_seconds = max(self.backoff.seconds(tried), _asked_seconds(exc))
                if wait_seconds > max(self.longest_wait_seconds, self.backoff.longest_seconds):
                    msg = f"the Activity Log asks to wait {wait_seconds:,.0f} seconds: run it again then, to go on"
                    raise InputError(msg) from exc
            self.retries += 1
            self.backoff.sleep(wait_seconds)
        msg = "no attempt was allowed"
        raise InputError(msg)

    def _asked(self, request: HttpRequest) -> _Page:
        """One try. Raises AzureError; InputError for an answer that is no page."""
        response = self.client.send_request(request, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
        if response.status_code != _ACCEPTED:
            raise HttpResponseError(response=response)
        try:
            return _page.decode(response.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            msg = f"the Activity Log of subscription {self.subscription} answers with what is no page of it: {exc}"
            raise InputError(msg) from exc


def _written(time_us: int) -> str:
    """To the microsecond, without the seventh digit."""
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: Azure writes the port of https into its links."""
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname, port or {"https": 443, "http": 80}.get(parts.scheme)


def _asked_seconds(exc: AzureError) -> float:
    """What the answer's Retry-After asks for; 0 when it says nothing that can be read."""
    asked = header_of(exc, "Retry-After") if isinstance(exc, HttpResponseError) else ""
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0


def _unreadable(subscription: str, exc: AzureError) -> InputError:
    """What a lasting fault means, with the mend. Decided by class and status, never by message."""
    status = exc.status_code if isinstance(exc, HttpResponseError) else None
    code = code_of(exc) if isinstance(exc, HttpResponseError) else type(exc).__name__
    match status:
        case 401:
            mend = "Azure does not know who asks: sign in with 'az login', or give the app a managed identity"
        case 403:
            mend = f"give this identity the role {ROLE} on the subscription"
        case 404:
            mend = "there is no such subscription for this identity: see 'az account list'"
        case 400:
            mend = f"the history goes back {HISTORY_DAYS} days; if a page expired, run the same command again to go on"
        case _ if isinstance(exc, ClientAuthenticationError):
            mend = "sign in with 'az login', or give the app a managed identity"
        case _ if passes(exc):
            mend = "try again later; run the same command again to go on"
        case _:
            mend = "see what it says"
    said = f"{status or ''} {code}".strip()
    return InputError(
        f"the Activity Log of subscription {subscription} cannot be read ({said}): {mend} ({first_line(exc)})"
    )
