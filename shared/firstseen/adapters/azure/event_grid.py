"""Findings to an Event Grid topic."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError

from firstseen.adapters.azure.calling import Backoff, code_of, first_line, header_of, passes
from firstseen.adapters.azure.clients import CONNECT_SECONDS, READ_SECONDS
from firstseen.adapters.azure.events import MAX_EVENT_BYTES, Event, event
from firstseen.adapters.azure.publishing import BATCH_BYTES, BETWEEN_BYTES, Publisher
from firstseen.errors import SettingsError
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication

if TYPE_CHECKING:
    from azure.core.credentials import AzureKeyCredential, TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.core.rest import HttpRequest, HttpResponse

MAX_BATCH = 50
"""Events of one call: what one refusal makes us try singly."""

REFUSED_STATUSES = frozenset((400, 413))
"""Event Grid will never take this event. What is wrong with the topic or our rights (401, 403, 404, …) is *unavailable*
instead: the deployment is to be mended, and nothing may be lost meanwhile.
"""

LONGEST_WAIT_SECONDS = 10.0
"""Of what a Retry-After asks for; beyond it the caller comes back later anyway."""

_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[^\s?#]{0,500})?")

_log = logging.getLogger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1_000


class EventGridSink:
    """See :class:`firstseen.findings.sink.Sink`, and :mod:`firstseen.adapters.azure.events` for the event.

    No call is begun and no wait ends after the deadline, and a call waits for its answer no longer than until then.

    Args:
        endpoint: of a topic whose input schema is CloudEvents 1.0: ``https://NAME.REGION-1.eventgrid.azure.net/api/events``.
        credential: an identity with the role EventGrid Data Sender, or a key.
        backoff: for throttling, 5xx and lost answers.
        max_event_bytes: raw events are cut to keep an event within it. A subscription that delivers to a storage queue
            takes 64 KB; each begun 64 KB is billed as an operation.
        clock: the wall clock in microseconds; only compared with deadlines.
        transport: what carries the calls, for tests.

    Raises SettingsError for what is no endpoint.
    """

    def __init__(  # noqa: PLR0913 - all but two by name, with defaults
        self,
        endpoint: str,
        credential: TokenCredential | AzureKeyCredential,
        *,
        backoff: Backoff | None = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
        clock: Callable[[], int] = _now_us,
        transport: HttpTransport[HttpRequest, HttpResponse] | None = None,
    ) -> None:
        if not _ENDPOINT.fullmatch(endpoint):
            msg = f"{endpoint[:80]!r} is no endpoint of a topic: https://NAME.REGION-1.eventgrid.azure.net/api/events"
            raise SettingsError(msg)
        self._endpoint = endpoint
        self._publisher = Publisher(endpoint, credential, transport=transport)
        self._backoff = backoff or Backoff(attempts=4)
        self._max_event_bytes = min(max_event_bytes, MAX_EVENT_BYTES)
        self._clock = clock

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        """Publish each, as many at a time as a call takes; the answers are in the same order."""
        answers: list[Publication] = ["unavailable"] * len(findings)
        for batch in self._batches(findings, answers):
            self._publish(batch, answers, deadline_us)
            if all(answers[number] == "unavailable" for number in batch):
                break  # it takes nothing now: what follows would only wait as long again
        return answers

    def close(self) -> None:
        """End its connections."""
        self._publisher.close()

    def _batches(self, findings: Sequence[Finding], answers: list[Publication]) -> Iterator[dict[int, Event]]:
        """Events by their place, as many as one call takes; what fits into none is refused."""
        batch: dict[int, Event] = {}
        size = BATCH_BYTES
        for number, finding in enumerate(findings):
            made = event(finding, max_bytes=self._max_event_bytes)
            if made is None:
                answers[number] = "refused"
                continue
            if batch and (len(batch) == MAX_BATCH or size + made.size_bytes + BETWEEN_BYTES > MAX_EVENT_BYTES):
                yield batch
                batch, size = {}, BATCH_BYTES
            batch[number] = made
            size += made.size_bytes + BETWEEN_BYTES
        if batch:
            yield batch

    def _publish(self, batch: dict[int, Event], answers: list[Publication], deadline_us: int | None) -> None:
        """One batch. One bad event must not take the others of its call with it: each is tried alone."""
        outcome = self._try(batch, deadline_us)
        if outcome == "refused" and len(batch) > 1:
            for number, one in batch.items():
                answers[number] = self._try({number: one}, deadline_us)
            return
        for number in batch:
            answers[number] = outcome

    def _try(self, batch: dict[int, Event], deadline_us: int | None) -> Publication:
        """One call, repeated while its faults pass."""
        for tried in range(1, self._backoff.attempts + 1):
            left_seconds = self._left_seconds(deadline_us)
            if left_seconds <= 0:
                return "unavailable"
            try:
                self._send(batch, left_seconds)
            except AzureError as exc:
                if not passes(exc):
                    return self._refusal(exc, batch)
                wait_seconds = max(self._backoff.seconds(tried), _asked_seconds(exc))
            else:
                return "sent"
            if tried == self._backoff.attempts or wait_seconds >= self._left_seconds(deadline_us):
                break
            self._backoff.sleep(wait_seconds)
        return "unavailable"

    def _left_seconds(self, deadline_us: int | None) -> float:
        return float("inf") if deadline_us is None else (deadline_us - self._clock()) / 1_000_000

    def _send(self, batch: dict[int, Event], left_seconds: float) -> None:
        self._publisher.send(
            [one.body for one in batch.values()],
            connect_seconds=min(CONNECT_SECONDS, left_seconds),
            read_seconds=min(READ_SECONDS, left_seconds),
        )

    def _refusal(self, exc: AzureError, batch: dict[int, Event]) -> Publication:
        """What a lasting fault means for the events of the call."""
        status = exc.status_code if isinstance(exc, HttpResponseError) else None
        code = code_of(exc) if isinstance(exc, HttpResponseError) else type(exc).__name__
        if status in REFUSED_STATUSES:
            if len(batch) == 1:
                _log.error("Event Grid refuses finding %s (%s %s)", next(iter(batch.values())).uid, status, code)
            return "refused"
        _log.error(
            "Event Grid topic %s takes nothing (%s): mend the topic's name, its network rules or this identity's role "
            "EventGrid Data Sender",
            self._endpoint,
            f"{status} {code}".strip() if status else first_line(exc),
        )
        return "unavailable"


def _asked_seconds(exc: AzureError) -> float:
    """What the answer's Retry-After asks for, in seconds; 0 when it says nothing that can be read."""
    asked = header_of(exc, "Retry-After") if isinstance(exc, HttpResponseError) else ""
    return min(float(asked), LONGEST_WAIT_SECONDS) if asked.isascii() and asked.isdigit() else 0.0
