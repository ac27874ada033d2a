"""``baseline build --from activity-log``: a subscription's own Activity Log, no diagnostic setting needed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from firstseen.baseline.build import with_memory
from firstseen.baseline.lookup import ACTIVITY_LOG
from firstseen.cli.archives import ArchiveBuild, since, wanted_of
from firstseen.cli.arguments import now_of
from firstseen.cli.live import live_store
from firstseen.cli.ruleset import load_pack
from firstseen.errors import SettingsError
from firstseen.findings.times import DAY_US, HOUR_US, about

if TYPE_CHECKING:
    from firstseen.adapters.azure.activity_log_history import ActivityLogHistory

SUBSCRIPTION_VARIABLE = "AZURE_SUBSCRIPTION_ID"
"""The subscription that is meant when ``--subscription`` is left out."""

NAME = ACTIVITY_LOG.name


def build_from_activity_log(args: argparse.Namespace) -> int:
    """Read the last days of the subscriptions, and settle what the rules with memory match; the exit status."""
    pack = with_memory(load_pack(args.rules))
    now_us = now_of(args)
    wanted = wanted_of(ACTIVITY_LOG, pack)
    since_us = since(args, ACTIVITY_LOG, now_us)
    archive = _ActivityLogs(histories_of(_subscriptions(args.subscription), args.endpoint_url))
    with live_store(args, create=True) as store:
        return ArchiveBuild(pack, store, archive, wanted, now_us).run(since_us, again=args.again)


def _subscriptions(named: Sequence[str] | None) -> list[str]:
    found = named or os.environ.get(SUBSCRIPTION_VARIABLE, "").split()
    if not found:
        msg = f"--from {NAME}: of which subscription? Name it with --subscription, or set {SUBSCRIPTION_VARIABLE}"
        raise SettingsError(msg)
    return sorted({one.casefold() for one in found})


def histories_of(subscriptions: Sequence[str], endpoint_url: str | None) -> list[ActivityLogHistory]:
    """The Activity Logs of these subscriptions, asked as whoever is signed in. A stand-in over http gets no token."""
    try:
        from firstseen.adapters.azure.activity_log_history import ENDPOINT, ActivityLogHistory, activity_log_client
        from firstseen.adapters.azure.clients import credential
    except ModuleNotFoundError as exc:
        msg = f"--from {NAME} needs Azure's SDK: pip install --require-hashes -r requirements/azure.txt"
        raise SettingsError(msg) from exc
    url = endpoint_url or ENDPOINT
    client = activity_log_client(credential() if url.startswith("https:") else None, endpoint_url=url)
    return [ActivityLogHistory(one, client, url) for one in subscriptions]


class _ActivityLogs:
    """See :class:`firstseen.cli.archives.Archive`. How many pages there are, nobody can say: progress counts hours."""

    log = ACTIVITY_LOG
    window_us = DAY_US
    unit = "hours of log"

    def __init__(self, histories: Sequence[ActivityLogHistory]) -> None:
        self._histories = histories
        self._read_us = 0
        self.shown = ", ".join(one.subscription for one in histories)

    def plan(self, windows: int, span_us: int) -> tuple[str, int]:
        """At least one request for each window and subscription, and one for each page more."""
        requests = windows * len(self._histories)
        number = f"{len(self._histories)} subscription{'s' if len(self._histories) != 1 else ''}"
        said = f"everything in {about(span_us)} of {number}: at least {requests:,} requests, one for each page"
        return said, span_us * len(self._histories) // HOUR_US

    def read(self, from_us: int, to_us: int, told: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
        """Subscription by subscription."""
        for history in self._histories:
            for raw in history.events(from_us=from_us, to_us=to_us):
                yield history.subscription, raw
            self._read_us += to_us - from_us
            told(self._read_us // HOUR_US)

    def requests(self) -> int:
        """Of all subscriptions."""
        return sum(one.requests for one in self._histories)
