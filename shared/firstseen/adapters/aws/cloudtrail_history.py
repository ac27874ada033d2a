"""CloudTrail's event history: the management events of the last 90 days, without a trail.

::

    LookupEvents   2 requests a second for an account and region · 50 events a page · newest first
                   one attribute a request · a NextToken goes with the very same request
    not in it      data events, Insights events, other regions, other accounts
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

from firstseen.adapters.aws.calling import Backoff, code_of, passes
from firstseen.adapters.aws.clients import config
from firstseen.errors import InputError, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_cloudtrail import CloudTrailClient
    from mypy_boto3_cloudtrail.literals import LookupAttributeKeyType
    from mypy_boto3_cloudtrail.type_defs import LookupEventsRequestTypeDef, LookupEventsResponseTypeDef

REQUESTS_A_SECOND = 2.0
PAGE_EVENTS = 50
HISTORY_DAYS = 90
MAX_PAGES = 100_000
"""Of one question: five million events. A service that never ends its pages must not hold us for ever."""

_SECOND_US = 1_000_000


def cloudtrail_client(
    session: Session | None = None, *, region: str | None = None, endpoint_url: str | None = None
) -> CloudTrailClient:
    """A client for :class:`EventHistory`. Raises SettingsError when no region is known, or the profile is none."""
    try:
        session = session or Session()
        return session.client("cloudtrail", region_name=region, endpoint_url=endpoint_url, config=config(1))
    except (BotoCoreError, ValueError) as exc:
        msg = f"CloudTrail cannot be asked: {exc}"
        raise SettingsError(msg) from exc


@dataclass(slots=True)
class Pace:
    """At most so many requests a second: waits before a request that would come too soon.

    Attributes:
        a_second: how many.
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    a_second: float = REQUESTS_A_SECOND
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = float("-inf")

    def wait(self) -> None:
        """Until the next request may go out."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.a_second


@dataclass(slots=True)
class EventHistory:
    """The event history of one account and region.

    Attributes:
        client: a low-level client (:func:`cloudtrail_client`).
        pace: shared by whatever asks the same account and region.
        backoff: for throttling, 5xx and lost answers: others ask the same history, and share the limit.
        requests: how many were made.
        retries: how many of them were another try.
    """

    client: CloudTrailClient
    pace: Pace = field(default_factory=Pace)
    backoff: Backoff = field(default_factory=lambda: Backoff(attempts=8, first_seconds=0.5, longest_seconds=20.0))
    requests: int = 0
    retries: int = 0

    def events(
        self, attribute: LookupAttributeKeyType | Literal["Everything"], value: str, *, from_us: int, to_us: int
    ) -> Iterator[bytes]:
        """The events with this attribute and ``from_us`` ≤ time < ``to_us``, newest first, as CloudTrail logged them.

        ``Everything`` is no attribute: every event. Times are rounded to CloudTrail's whole seconds. Raises InputError
        when the history cannot be read.
        """
        asked: LookupEventsRequestTypeDef = {
            "StartTime": datetime.fromtimestamp(from_us // _SECOND_US, UTC),
            "EndTime": datetime.fromtimestamp((to_us - 1) // _SECOND_US, UTC),  # the service takes both ends in
            "MaxResults": PAGE_EVENTS,
        }
        if attribute != "Everything":
            asked["LookupAttributes"] = [{"AttributeKey": attribute, "AttributeValue": value}]
        for _ in range(MAX_PAGES):
            page = self._page(asked)
            for one in page.get("Events", []):
                if "CloudTrailEvent" in one:
                    yield one["CloudTrailEvent"].encode("utf-8", "surrogatepass")
            token = page.get("NextToken")
            if not token:
                return
            asked["NextToken"] = token
        msg = f"CloudTrail's history of {attribute} {value} has more than {MAX_PAGES:,} pages"
        raise InputError(msg)

    def _page(self, asked: LookupEventsRequestTypeDef) -> LookupEventsResponseTypeDef:
        for tried in range(1, self.backoff.attempts + 1):
            self.pace.wait()
            self.requests += 1
            try:
                return self.client.lookup_events(**asked)
            except (BotoCoreError, ClientError) as exc:
                if not passes(exc) or tried == self.backoff.attempts:
                    raise _unreadable(exc) from exc
            self.retries += 1
            self.backoff.wait(tried)
        msg = "no attempt was allowed"
        raise InputError(msg)


def _unreadable(exc: BotoCoreError | ClientError) -> InputError:
    code = code_of(exc) if isinstance(exc, ClientError) else type(exc).__name__
    match code:
        case "AccessDenied" | "AccessDeniedException":
            mend = "allow cloudtrail:LookupEvents"
        case "InvalidTimeRangeException":
            mend = f"the history goes back {HISTORY_DAYS} days"
        case "InvalidNextTokenException":
            mend = "a page expired while the history was read: run the same command again to go on"
        case _ if passes(exc):
            mend = "try again later; run the same command again to go on"
        case _:
            mend = "sign in, and check the region"
    return InputError(f"CloudTrail's event history cannot be read ({code}): {mend} ({exc})")
