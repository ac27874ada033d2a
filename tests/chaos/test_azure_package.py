"""The built Function app in bad weather: processes of Microsoft's worker library that are killed, Azurite after a road.

The parent plays the event hub, which hands a batch out again until a call ends well, and the trigger of the queue of
what was put aside. All else is as in test_aws_package.py; the events are of the Activity Log, several to a message.
FIRSTSEEN_APP_EVENTS says how many.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import pytest
from azure.storage.queue import QueueMessage

from firstseen.adapters.azure.kept import DEAD_LETTERS, PUT_ASIDE
from tests.chaos.app_process import AppProcess
from tests.chaos.azure_dialect import said
from tests.chaos.crowd import AZURE_RULES, Size, activity, acts_of, arriving, calm
from tests.chaos.moving import moved_clock
from tests.chaos.outcome import Outcome
from tests.chaos.queueing import Batch, Message, Waiting
from tests.chaos.roads import Road, opened
from tests.chaos.weather import Service, Weather
from tests.emulators import Azurite, azurite_installed
from tests.faults.test_workers import Act
from tests.faults.world import MINUTE_US
from tests.functions.azure_cloud import Cloud, servers
from tests.functions.azure_runtime import Call, HubEvent, runtime_python
from tests.functions.test_azure_package import built as azure_built
from tests.functions.test_azure_package import needs_runtime

__all__ = ["azure_built"]

EVENTS = int(os.environ.get("FIRSTSEEN_APP_EVENTS", "150"))
SEED = int(os.environ.get("FIRSTSEEN_CHAOS_SEED", "1"))
LARGE_FROM = 2_000
SMALL = Size(EVENTS, people=5, burst=40, batch=40, workers=2)
LARGE = Size(EVENTS, people=40, burst=280, batch=400, workers=4)
SIZE = LARGE if EVENTS >= LARGE_FROM else SMALL
RECORDS = 8
"""Of the Activity Log, in one event of the hub."""

KILLED = 0.002
OUTAGES: dict[Service, int] = {"store": max(80, EVENTS // 10), "sink": max(4, EVENTS // 500)}
POISON = ("not json", '{"records": "none"}')
AGAIN = "again-"
"""Begins the id of what was put aside."""


@dataclass(slots=True)
class Deployment:
    """The app's processes, one for each worker; a new one for each that was killed."""

    python: Path
    app: Path
    cloud: Cloud
    azurite: Azurite
    weather: Weather
    received_us: int
    log: Path
    started: int = 0
    failed: int = 0
    aside: int = 0
    _taken: dict[str, QueueMessage] = field(default_factory=dict)
    _living: dict[int, AppProcess] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def work(self, place: int, waiting: Waiting) -> None:
        """Take batches until all is done."""
        with ExitStack() as stack:
            settings = self.settings(place, stack)
            stack.callback(self.end, place)
            try:
                while (batch := waiting.take()) is not None:
                    call = self.called(self.process(place, settings), batch)
                    self.failed += not call.done
                    waiting.done(batch, () if call.done else {one.id for one in batch})
            except BaseException:
                waiting.give_up()
                raise

    def called(self, process: AppProcess, batch: Batch) -> Call:
        """The function that this is for; what it finished of the queue is removed from it, as the host does."""
        first = batch[0]
        if not first.id.startswith(AGAIN):
            partition, _, _ = first.id.partition("@")
            numbers = (int(one.id.partition("@")[2]) for one in batch)
            events = zip(batch, numbers, strict=True)
            return process.events(
                [HubEvent(one.body.encode(), number, self.received_us) for one, number in events], partition
            )
        call = process.message(first.body, self.received_us)
        if call.done:
            self.cloud.queue(PUT_ASIDE).delete_message(self._taken.pop(first.id))
        return call

    def put_aside(self) -> Sequence[Batch]:
        """What was put aside, each a batch of its own."""
        found = list(self.cloud.queue(PUT_ASIDE).receive_messages(messages_per_page=32, visibility_timeout=86_400))
        self.aside += len(found)
        self._taken.update((f"{AGAIN}{one.id}", one) for one in found)
        return [[Message(f"{AGAIN}{one.id}", one.content, 1)] for one in found]

    def settings(self, place: int, stack: ExitStack) -> dict[str, str]:
        """What a worker's processes are told: every service lies at the end of a road."""

        def way(url: str, service: Service) -> str:
            root, slash, path = url.removeprefix("http://").partition("/")
            road = Road(f"http://{root}", lambda _: service, said, self.weather.fate, lambda: self.kill(place))
            return f"{stack.enter_context(opened(road))}{slash}{path}"

        there = self.azurite
        around = replace(
            there,
            blob_url=way(there.blob_url, "other"),
            queue_url=way(there.queue_url, "other"),
            table_url=way(there.table_url, "store"),
        )
        topic = way(self.cloud.topic.url, "sink")
        own = {"FIRSTSEEN_STORAGE": around.connection_string, "FIRSTSEEN_TOPIC_ENDPOINT": topic}
        return self.cloud.environment | self.weather.clock.variables | own

    def process(self, place: int, settings: dict[str, str]) -> AppProcess:
        """The worker's process, a new one if it was killed."""
        living = self._living.get(place)
        if living is None or not living.lives:
            self.end(place)
            with self._lock:
                self.started += 1
            self._living[place] = living = AppProcess(self.python, self.app, settings, self.log)
        return living

    def kill(self, place: int) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._living[place].kill()

    def end(self, place: int) -> None:
        """Remove what is left of a process."""
        living = self._living.pop(place, None)
        if living is not None:
            living.close()


def groups_of(acts: Sequence[Act], poison: Batch, chance: random.Random) -> list[list[Batch]]:
    """Batches of one partition each; several records to an event."""
    groups: list[list[Batch]] = []
    number = len(poison)
    for group in arriving(acts, SIZE.batch, chance):
        batches: list[Batch] = []
        for place, batch in enumerate(group):
            messages = []
            for start in range(0, len(batch), RECORDS):
                part = batch[start : start + RECORDS]
                body = b'{"records":[' + b",".join(activity(act) for act in part) + b"]}"
                messages.append(Message(f"{place % SIZE.workers}@{number}", body.decode(), len(part)))
                number += 1
            batches.append(messages)
        groups.append(batches)
    groups[0].append(poison)
    return groups


@needs_runtime
@pytest.mark.skipif(not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed")
def test_processes_of_the_built_function_app_in_bad_weather_find_what_is_found_in_a_calm(
    azure_built: Path, tmp_path: Path
) -> None:
    """Each is told; what was told again says the same."""
    chance = random.Random(SEED)
    acts = acts_of(SIZE, chance)
    received_us = max(act.time_us for act in acts) + MINUTE_US
    wanted = calm(acts, AZURE_RULES, activity, received_us)
    began = time.monotonic()
    with moved_clock(tmp_path / "clock", received_us) as clock, servers(tmp_path) as around:
        cloud = around.deploy(AZURE_RULES)
        weather = Weather(random.Random(f"{SEED}/azure"), clock, KILLED, OUTAGES)
        python = runtime_python()
        assert python is not None
        deployment = Deployment(
            python, azure_built / "app", cloud, around.azurite, weather, received_us, tmp_path / "log"
        )
        poison = [Message(f"0@{at}", body, 0) for at, body in enumerate(POISON)]
        waiting = Waiting(groups_of(acts, poison, chance), clock, MINUTE_US, deployment.put_aside)
        with ThreadPoolExecutor(SIZE.workers) as threads:
            for future in [threads.submit(deployment.work, place, waiting) for place in range(SIZE.workers)]:
                future.result()
        seconds = time.monotonic() - began
        rows, told, rejects = cloud.rows(), list(cloud.topic.taken), cloud.rejects()
        assert cloud.kept(DEAD_LETTERS) == []
    uids = Counter(str(one["id"]) for one in told)
    outcome = Outcome(len(acts), SIZE.workers, seconds, len(rows), len(told) - len(rows), weather, waiting)
    failed = f"{deployment.failed} calls of the app failed, {deployment.aside} deliveries were put aside"
    outcome.tell(f"{deployment.started} processes, {failed}")
    assert sorted(row.finding.uid for row in rows) == wanted
    assert {row.status for row in rows} == {"sent"}
    assert sorted(uids) == wanted
    assert {one["message_id"] for one in rejects} == {one.id for one in poison}
    happened = ("store away", "sink away", "throttled", "stumbled", "lost")
    assert all(weather.seen[name] for name in happened), "the weather was fine: it proves nothing"
    assert weather.kills > 0
