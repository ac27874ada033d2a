"""A deployment of the Function app beside the past of a subscription's Activity Log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from firstseen.adapters.azure.activity_log_history import ActivityLogHistory, activity_log_client
from firstseen.adapters.azure.calling import Backoff
from firstseen.findings.learning import RULE, RuleRow
from firstseen.findings.rows import read_row
from firstseen.findings.times import DAY_US, HOUR_US, MINUTE_US
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from functions.azure.baseline import ATTEMPTS, LONGEST_WAIT_SECONDS, baseline
from functions.azure.ingest import ingest
from functions.azure.wiring import Parts
from tests.functions.azure_cloud import Cloud
from tests.functions.fake_arm import SUBSCRIPTION, Answer, FakeArm, entry, hub_record, serving, stamp
from tests.functions.test_baseline_activity_log import NEW, NOW_US, RULES, SIGN_IN

__all__ = ["NEW", "RULES", "SIGN_IN"]

CHANGED = RULES.replace("RUNCOMMAND/ACTION}", "RUNCOMMAND/ACTION, resultType: [Success, Succeeded]}")


def past() -> list[dict[str, Any]]:
    """Ada each day of the month before; bob on four of them; eve, who did something else."""
    days = [NOW_US - day * DAY_US for day in range(1, 31)]
    found = [entry(day, "ada@contoso.example", stamp(at + HOUR_US)) for day, at in enumerate(days)]
    found += [entry(100 + day, "bob@contoso.example", stamp(days[day] + 2 * HOUR_US)) for day in range(5, 9)]
    started = "Microsoft.Compute/virtualMachines/start/action"
    return [*found, entry(200, "eve@contoso.example", stamp(days[3]), started)]


@dataclass
class Arm(FakeArm):
    """A history whose answers take their time, on the deployment's clock."""

    cloud: Cloud | None = None
    seconds_each: float = 0

    def answer(self, target: str, host: str) -> Answer | None:
        """As it was asked then, and later."""
        if self.cloud is not None:
            self.cloud.clock.now_us += round(self.seconds_each * 1e6)
        return super().answer(target, host)


@dataclass
class World:
    """A deployment, its history, and the function."""

    cloud: Cloud
    service: Arm
    url: str
    slept: list[float] = field(default_factory=list)

    def histories(self, parts: Parts) -> dict[str, ActivityLogHistory]:
        """As the app makes them, but of the service here, and without waiting."""
        backoff = Backoff(ATTEMPTS, sleep=self.slept.append, jitter=lambda: 1.0)
        client = activity_log_client(None, endpoint_url=self.url)
        return {
            one: ActivityLogHistory(one, client, self.url, backoff, LONGEST_WAIT_SECONDS)
            for one in parts.settings.baseline_subscriptions
        }

    def call(self, *, later_minutes: float = 0, seconds_each: float = 0) -> None:
        """Run the function in a fresh process."""
        self.cloud.clock.now_us += int(later_minutes * MINUTE_US)
        self.service.seconds_each = seconds_each
        baseline(self.cloud.build(), self.histories)

    def rows(self) -> dict[str, RuleRow]:
        """What is known of each rule's past."""
        rows = [read_row(record, RuleRow) for record in self.cloud.build().store.scan_records(RULE)]
        return {row.rule_id: row for row in rows if row is not None}

    def keys(self) -> dict[str, tuple[Any, ...]]:
        """What is known of each key."""
        return {
            key: (one.state.generation, one.state.last_us, one.state.episodes)
            for key, one in self.cloud.build().store.scan_states()
        }

    def run(self, number: int, who: str) -> list[str]:
        """Somebody runs a command now, and the hub tells; how the findings were routed."""
        before = set(self.cloud.uids())
        record = hub_record(entry(number, f"{who}@contoso.example", stamp(self.cloud.clock.now_us)))
        assert ingest(self.cloud.build(), self.cloud.events([orjson.dumps({"records": [record]})])).retry == {}
        return [row.finding.routing for row in self.cloud.rows() if row.finding.uid not in before]

    def deploy(self, rules: str) -> None:
        """Other rules in the package."""
        pack = self.cloud.environment["FIRSTSEEN_PACK"] + ".other"
        with open(pack, "wb") as file:  # noqa: PTH123 - beside the first
            file.write(dump(build_pack({"rules.yml": rules.encode()})))
        self.cloud.environment["FIRSTSEEN_PACK"] = pack


@contextmanager
def past_beside(cloud: Cloud, days: int = 30) -> Iterator[World]:
    """A deployment of today, with a history of a month."""
    cloud.clock.now_us = NOW_US
    cloud.environment |= {"FIRSTSEEN_BASELINE_DAYS": str(days), "FIRSTSEEN_BASELINE_SUBSCRIPTIONS": SUBSCRIPTION}
    service = Arm(past(), NOW_US, page=3, cloud=cloud)
    with serving(service) as url:
        yield World(cloud, service, url)
