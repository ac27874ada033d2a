"""``baseline build --from cloudtrail``: the account's own event history, no trail needed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

from firstseen.adapters.aws.cloudtrail_history import REQUESTS_A_SECOND, EventHistory, cloudtrail_client
from firstseen.baseline.build import with_memory
from firstseen.baseline.lookup import CLOUDTRAIL_HISTORY, Asked
from firstseen.cli.archives import ArchiveBuild, since, wanted_of
from firstseen.cli.arguments import now_of
from firstseen.cli.live import live_store
from firstseen.cli.ruleset import load_pack
from firstseen.findings.times import DAY_US, SECOND_US, about


def build_from_cloudtrail(args: argparse.Namespace) -> int:
    """Look up what the rules with memory name, and settle it; the exit status."""
    pack = with_memory(load_pack(args.rules))
    now_us = now_of(args)
    wanted = wanted_of(CLOUDTRAIL_HISTORY, pack)
    since_us = since(args, CLOUDTRAIL_HISTORY, now_us)
    regions: list[str | None] = list(args.region or (None,))
    histories = [
        EventHistory(cloudtrail_client(region=region, endpoint_url=args.endpoint_url)) for region in regions
    ]  # fmt: skip
    archive = _EventHistories(histories, wanted)
    with live_store(args, create=True) as store:
        return ArchiveBuild(pack, store, archive, wanted, now_us).run(since_us, again=args.again)


class _EventHistories:
    """See :class:`firstseen.cli.archives.Archive`."""

    log = CLOUDTRAIL_HISTORY
    window_us = 5 * DAY_US
    unit = "requests"

    def __init__(self, histories: Sequence[EventHistory], wanted: Asked) -> None:
        self._histories = histories
        self._wanted = wanted
        self.shown = ", ".join(sorted(one.client.meta.region_name for one in histories))

    def plan(self, windows: int, span_us: int) -> tuple[str, int]:
        """One request for each window, region and thing that is asked for, and one for each page more."""
        requests = windows * len(self._wanted.attributes) * len(self._histories)
        at_least = about(int(requests / REQUESTS_A_SECOND * SECOND_US / len(self._histories)))
        said = (
            f"{len(self._wanted.attributes)} calls and services over {about(span_us)} in {self.shown}: at least"
            f" {requests:,} requests, {at_least}"
        )
        return said, requests

    def read(self, from_us: int, to_us: int, told: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
        """Region by region, call by call."""
        for history in self._histories:
            for attribute, value in self._wanted.attributes:
                for raw in history.events(attribute, value, from_us=from_us, to_us=to_us):
                    yield f"{self.shown} {value}", raw
                told(self.requests())

    def requests(self) -> int:
        """Of all regions."""
        return sum(one.requests for one in self._histories)
