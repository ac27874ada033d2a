"""The built Lambda package in bad weather: processes under awslambdaric that are killed, moto's server behind a road.

The parent plays SQS. On the road from each process to its services calls are throttled, stumble and lose their
answers; the store and the sink are away for a minute by the clock; processes are killed by their id. What is found is
what one pass in order over the memory store finds. FIRSTSEEN_PACKAGE_EVENTS says how many events: `make chaos` takes
100,000. Time is the deployment's clock, which runs and is moved on by what waits; nothing waits for it.
"""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from firstseen.language.pack import dump
from tests.chaos.account import Account, account
from tests.chaos.aws_dialect import said, service_of
from tests.chaos.crowd import Size, acts_of, arriving, calm
from tests.chaos.lambda_process import LambdaProcess, Package
from tests.chaos.moving import moved_clock
from tests.chaos.outcome import Outcome
from tests.chaos.queueing import Batch, Message, Waiting
from tests.chaos.roads import Road, opened
from tests.chaos.weather import Service, Weather
from tests.faults.test_workers import PACK, RULES
from tests.faults.world import MINUTE_US
from tests.functions.aws_cloud import Sent, queue_event
from tests.functions.test_aws_package import built as aws_built
from tests.functions.test_aws_package import interpreter, needs_interpreter

__all__ = ["aws_built"]

EVENTS = int(os.environ.get("FIRSTSEEN_PACKAGE_EVENTS", "250"))
SEED = int(os.environ.get("FIRSTSEEN_CHAOS_SEED", "1"))
LARGE_FROM = 2_000
SMALL = Size(EVENTS, people=6, burst=50, batch=50, workers=2)
LARGE = Size(EVENTS, people=40, burst=280, batch=400, workers=4)
SIZE = LARGE if EVENTS >= LARGE_FROM else SMALL
KILLED = 0.003 if SIZE is SMALL else 0.004
"""Of calls; at full size that is one process every few seconds."""

OUTAGES: dict[Service, int] = {"store": max(80, EVENTS // 10), "sink": max(4, EVENTS // 500)}
POISON = ("not json", '{"eventVersion":')


@dataclass(slots=True)
class Deployment:
    """The function's processes, one for each worker; a new one for each that was killed."""

    package: Package
    account: Account
    weather: Weather
    received_us: int
    log: Path
    started: int = 0
    failed: int = 0
    _living: dict[int, LambdaProcess] = field(default_factory=dict)
    _turn: Lock = field(default_factory=Lock)
    _lock: Lock = field(default_factory=Lock)

    def work(self, place: int, waiting: Waiting) -> None:
        """Take batches until all is done."""
        with ExitStack() as stack:
            road = Road(self.account.url, service_of, said, self.weather.fate, lambda: self.kill(place), self._turn)
            address = stack.enter_context(opened(road))
            stack.callback(self.end, place)
            try:
                while (batch := waiting.take()) is not None:
                    process = self.process(place, address)
                    waiting.done(batch, self.left_of(process, batch))
            except BaseException:
                waiting.give_up()
                raise

    def left_of(self, process: LambdaProcess, batch: Batch) -> set[str]:
        """What a call does not acknowledge: all of it when it fails."""
        answer = process.call(queue_event([Sent(one.id, one.body, self.received_us) for one in batch]))
        if answer is None:
            self.failed += 1
            return {one.id for one in batch}
        return {one["itemIdentifier"] for one in answer["batchItemFailures"]}

    def process(self, place: int, address: str) -> LambdaProcess:
        """The worker's process, a new one if it was killed."""
        living = self._living.get(place)
        if living is None or not living.lives:
            self.end(place)
            settings = self.account.settings | self.weather.clock.variables | {"AWS_ENDPOINT_URL": address}
            with self._lock:
                self.started += 1
            self._living[place] = living = LambdaProcess(self.package, settings, self.log)
        return living

    def kill(self, place: int) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._living[place].kill()

    def end(self, place: int) -> None:
        """Remove what is left of a process."""
        living = self._living.pop(place, None)
        if living is not None:
            living.close()


@needs_interpreter
def test_processes_of_the_built_lambda_package_in_bad_weather_find_what_is_found_in_a_calm(
    aws_built: Path, tmp_path: Path
) -> None:
    """Each is told; what was told again says the same."""
    chance = random.Random(SEED)
    acts = acts_of(SIZE, chance)
    received_us = max(act.time_us for act in acts) + MINUTE_US
    wanted = calm(acts, RULES, lambda act: act.raw, received_us)
    package = Package(str(interpreter), aws_built / "task", aws_built / "runtime")
    began = time.monotonic()
    with moved_clock(tmp_path / "clock", received_us) as clock, account(tmp_path, dump(PACK)) as made:
        weather = Weather(random.Random(f"{SEED}/aws"), clock, KILLED, OUTAGES)
        deployment = Deployment(package, made, weather, received_us, tmp_path / "log")
        groups = [
            [made.messages(f"m{at}-{place}", batch) for place, batch in enumerate(group)]
            for at, group in enumerate(arriving(acts, SIZE.batch, chance))
        ]
        groups[0].append([Message(f"poison-{at}", body, 0) for at, body in enumerate(POISON)])
        waiting = Waiting(groups, clock)
        with ThreadPoolExecutor(SIZE.workers) as threads:
            for future in [threads.submit(deployment.work, place, waiting) for place in range(SIZE.workers)]:
                future.result()
        seconds = time.monotonic() - began
        rows, told, rejects = made.rows(), made.notifications(), made.rejects()
    outcome = Outcome(len(acts), SIZE.workers, seconds, len(rows), len(told) - len(rows), weather, waiting)
    outcome.tell(f"{deployment.started} processes, {deployment.failed} calls of the function failed")
    assert sorted(row.finding.uid for row in rows) == wanted
    assert {row.status for row in rows} == {"sent"}
    assert sorted({uid for uid, _ in told}) == wanted
    assert len(set(told)) == len(wanted), "what is told again says something else"
    assert len(set(rejects)) == len(POISON)
    happened = ("store away", "sink away", "throttled", "stumbled", "lost")
    assert all(weather.seen[name] for name in happened), "the weather was fine: it proves nothing"
    assert weather.kills > 0
