"""Eight workers on one table of moto's server, in bad weather: the same findings as in a calm, each told.

Calls are throttled, stumble and lose their answers, before or after they took effect; batch reads come back half
done; the sink is away; workers die in the middle of a batch, and others take over what was not acknowledged. All at
random, from seeds; how the workers cross is up to the machine. moto's server takes five to ten milliseconds for a
call, one call at a time, so what costs time is not events but keys written: people are busy, and batches large enough
that many events of a key are one write. The suite takes 10,000 events; ``make chaos`` takes 100,000.

The guarantee's bounds are kept. Each person acts for less than seven hours and then not for more than a day, so no
two true times of a key are between seven hours and a day apart. The queue hands nothing out that is sixteen hours
newer than what is still to be done. Beyond that arrival, copies and batches are at random.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

from firstseen.adapters.aws.calling import Backoff
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.adapters.local.memory import MemoryStore
from firstseen.correlations.step import Hit
from firstseen.deliveries import Delivery, Report
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.language.frontends.loading import build_pack
from firstseen.language.rules import Correlation
from firstseen.pipeline import LEASE_US, Pipeline
from firstseen.store.store import Query
from tests.contracts.aws_services import Service, running
from tests.faults.aws_faults import error, lost
from tests.faults.faulty import RecordingSink
from tests.faults.world import MINUTE_US, START_US, Clock, World, event
from tests.properties.episodes_oracle import episodes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVENTS = int(os.environ.get("FIRSTSEEN_CHAOS_EVENTS", "10000"))
SEED = int(os.environ.get("FIRSTSEEN_CHAOS_SEED", "1"))
WORKERS = 8
BATCH = 400
PEOPLE = 40
TURNS = 60
"""How often a batch may be handed out on average before the test says that it never ends."""

HOUR_US = 60 * MINUTE_US
DISORDER_US = 16 * HOUR_US
BURST_SECONDS = 6.9 * 3600
ROUND_SECONDS = (31.5 * 3600, 34 * 3600)
"""From the start of one burst of a person to the next: a day and more after the longest."""

DELAY_SECONDS = 3600
COPIES = 0.1
RETURN_US = 10_000_000
"""How far the clock moves when a batch comes back: a dead worker's lease ends after a few."""

CHAIN = ("MakeKey", "TakeSnapshot", "StartInstance")
ACTS = ("Ask", *CHAIN)
TABLE = "state"

CALLS = "".join(
    f"""
title: Call of {name}
name: {name}
id: 11111111-0000-4000-8000-00000000001{number}
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {{eventName: [{calls}]}}, condition: selection}}
level: low
---"""
    for number, (name, calls) in enumerate([("acted", ", ".join(ACTS)), *((one.lower(), one) for one in CHAIN)])
)
RULES = f"""{CALLS}
title: Removed
id: 11111111-0000-4000-8000-000000000021
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {{eventName: Remove}}, condition: selection}}
level: high
---
title: Somebody new acted
id: 11111111-0000-4000-8000-000000000022
correlation: {{type: new_terms, rules: [acted], fields: [userIdentity.userName], timespan: 24h}}
level: low
---
title: Acted eight times
id: 11111111-0000-4000-8000-000000000023
correlation:
    {{type: event_count, rules: [acted], group-by: [userIdentity.userName], timespan: 24h, condition: {{gte: 8}}}}
level: low
---
title: Acted from five addresses
id: 11111111-0000-4000-8000-000000000024
correlation:
    type: value_count
    rules: [acted]
    group-by: [userIdentity.userName]
    timespan: 24h
    condition: {{field: sourceIPAddress, gte: 5}}
level: low
---
title: Key, snapshot and instance
id: 11111111-0000-4000-8000-000000000025
correlation:
    {{type: temporal, rules: [makekey, takesnapshot, startinstance], group-by: [userIdentity.userName], timespan: 24h}}
level: low
---
title: Key, snapshot and instance in this order
id: 11111111-0000-4000-8000-000000000026
correlation:
    type: temporal_ordered
    rules: [makekey, takesnapshot, startinstance]
    group-by: [userIdentity.userName]
    timespan: 24h
level: low
"""
PACK = build_pack({"rules.yml": RULES.encode()})


@dataclass(frozen=True, slots=True)
class Act:
    """One generated event: the ``number``-th, in the ``burst``-th burst."""

    number: int
    second: int
    burst: int
    who: str
    call: str
    address: str

    @property
    def time_us(self) -> int:
        return START_US + self.second * 1_000_000

    @property
    def raw(self) -> bytes:
        return event(self.number, self.second / 60, self.call, self.who, address=self.address)


def _acts(count: int, chance: random.Random) -> list[Act]:
    """Bursts of one to 280 acts; most have some of the calls and some of the addresses only."""
    acts: list[Act] = []
    starts = {f"person-{number}": chance.uniform(0, ROUND_SECONDS[0]) for number in range(PEOPLE)}
    for burst in range(count):
        who = min(starts, key=lambda one: starts[one])
        calls = ["Ask", *chance.choices(CHAIN, k=chance.randint(0, 9))]
        addresses = [f"192.0.2.{chance.randint(1, 250)}" for _ in range(chance.randint(1, 9))]
        for _ in range(min(chance.choice([1, 7, 8, 250, 280, 280, 280]), count - len(acts))):
            second = round(starts[who] + chance.uniform(0, BURST_SECONDS))
            call = "Remove" if chance.random() < 0.01 else chance.choice(calls)
            acts.append(Act(len(acts), second, burst, who, call, chance.choice(addresses)))
        starts[who] += chance.uniform(*ROUND_SECONDS)
        if len(acts) == count:
            break
    return acts


def _by_the_definition(correlation: Correlation, acts: Sequence[Act]) -> int:
    """How many findings a rule has, by brute force: bursts share no window and no episode."""
    if correlation.type == "match":
        return sum(act.call == "Remove" for act in acts)
    bursts: dict[int, list[Hit]] = {}
    members = [(call,) for call in CHAIN] if correlation.type.startswith("temporal") else [ACTS]
    for act in acts:
        value = act.address if correlation.type == "value_count" else ""
        for place, calls in enumerate(members):
            if act.call in calls:
                bursts.setdefault(act.burst, []).append(Hit(act.time_us, str(act.number), place, value))
    return sum(len(episodes(correlation, hits)) for hits in bursts.values())


@dataclass(frozen=True, slots=True)
class Batch:
    """What one worker gets: (handle, act) each."""

    parts: tuple[tuple[str, Act], ...]

    @property
    def oldest_us(self) -> int:
        return min(act.time_us for _, act in self.parts)

    @property
    def newest_us(self) -> int:
        return max(act.time_us for _, act in self.parts)


def _batches(acts: Sequence[Act], chance: random.Random) -> list[Batch]:
    """In an order of arrival, with copies."""
    copies = [act for act in acts if chance.random() < COPIES]
    arriving = sorted([*acts, *copies], key=lambda act: act.second + chance.uniform(0, DELAY_SECONDS))
    parts = [(f"message-{place}", act) for place, act in enumerate(arriving)]
    return [Batch(tuple(parts[start : start + BATCH])) for start in range(0, len(parts), BATCH)]


class Queue:
    """Hands batches out, what came back last; nothing that is too new for what is still to be done."""

    def __init__(self, batches: Sequence[Batch], clock: Clock) -> None:
        self._waiting = list(batches)
        self._flying: list[Batch] = []
        self._clock = clock
        self._changed = Condition()
        self._turns_left = TURNS * len(batches)
        self.returned = 0
        self.disorder_us = 0
        """The largest among what was out at once."""

    def take(self) -> Batch | None:
        """None when all is done."""
        with self._changed:
            while self._waiting or self._flying:
                oldest_us = min(one.oldest_us for one in (*self._waiting, *self._flying))
                for batch in self._waiting:
                    if batch.newest_us - oldest_us < DISORDER_US:
                        self._turns_left -= 1
                        assert self._turns_left, "it never ends"
                        self.disorder_us = max(self.disorder_us, batch.newest_us - oldest_us)
                        self._waiting.remove(batch)
                        self._flying.append(batch)
                        return batch
                assert self._flying, "nobody could ever go on"
                self._changed.wait()
            return None

    def done(self, batch: Batch, left: Sequence[str]) -> None:
        """What is ``left`` comes again."""
        with self._changed:
            self._flying.remove(batch)
            again = tuple(part for part in batch.parts if part[0] in left)
            if again:
                self.returned += 1
                self._clock.now_us += RETURN_US
                self._waiting.append(Batch(again))
            self._changed.notify_all()

    def give_up(self) -> None:
        """Let everybody end: one of them failed in a way that this test does not want."""
        with self._changed:
            self._waiting.clear()
            self._flying.clear()
            self._changed.notify_all()


class Crash(Exception):  # noqa: N818 - it is the worker's end, not an answer
    """The worker is gone."""


@dataclass(slots=True)
class Weather:
    """What goes wrong for one worker, at random."""

    chance: random.Random
    seen: Counter[str] = field(default_factory=Counter)

    def tap(self, client: Any) -> None:  # noqa: ANN401 - of any service
        """Stand before a client."""
        call = client._make_api_call

        def wired(name: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - what the service answers
            if name == "BatchGetItem" and self._hits("unprocessed", 0.15):
                return _half(call, arguments)
            return self.suffer(lambda: call(name, arguments))

        client._make_api_call = wired

    def suffer(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the call answers
        """Make a call of AWS, or raise a fault before or after it took effect."""
        if self._hits("throttled", 0.05):
            raise error("ThrottlingException")
        faults = [("stumbled", 0.01, error("InternalServerError", 500)), ("lost", 0.02, lost())]
        fault = next((raised for name, share, raised in faults if self._hits(name, share)), None)
        if fault is not None and self.chance.random() < 0.5:
            raise fault
        self.crash(0.001)
        answer = call()
        self.crash(0.001)
        if fault is not None:
            raise fault
        return answer

    def crash(self, share: float) -> None:
        if self._hits("crashed", share):
            raise Crash

    def away(self) -> bool:
        """Whether the sink does not answer."""
        return self._hits("away", 0.08)

    def _hits(self, name: str, share: float) -> bool:
        hit = self.chance.random() < share
        self.seen[name] += hit
        return hit


def _half(call: Callable[[str, dict[str, Any]], Any], arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    """What DynamoDB answers when throughput allows for half of the keys."""
    ((table, asked),) = arguments["RequestItems"].items()
    now, later = asked["Keys"][::2], asked["Keys"][1::2]
    answer = call("BatchGetItem", {**arguments, "RequestItems": {table: {**asked, "Keys": now}}})
    return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": later}} if later else {}}


@dataclass(slots=True)
class Post:
    """A worker's sink in its weather. ``told`` is everything that was published, in this turn of the worker."""

    weather: Weather
    told: list[str] = field(default_factory=list)

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        del deadline_us
        self.weather.crash(0.005)
        if self.weather.away():
            return ["unavailable"] * len(findings)
        self.told.extend(one.uid for one in findings)
        self.weather.crash(0.005)
        if self.weather.away():
            return ["unavailable"] * len(findings)
        return ["sent"] * len(findings)


@dataclass(slots=True)
class Office:
    """All workers, their table and their queue, and what they did.

    Attributes:
        told: uid → how often it was published.
        plain: uid → how often by a turn that nothing happened to, within the lease.
    """

    service: Service
    queue: Queue
    clock: Clock
    received_us: int
    told: Counter[str] = field(default_factory=Counter)
    plain: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def work(self, place: int) -> None:
        """One worker after the other, until all is done."""
        weather = Weather(random.Random(f"{SEED}/{place}"))
        client = self.service.dynamodb()
        weather.tap(client)
        lives = 0
        try:
            while self._live(f"worker-{place}-{lives}", client, weather):
                lives += 1
        except BaseException:
            self.queue.give_up()
            raise
        with self._lock:
            self.numbers.update(weather.seen)

    def _live(self, owner: str, client: DynamoDBClient, weather: Weather) -> bool:
        """From a start to the end of the work, or to a crash: then True."""
        backoff = Backoff(attempts=3, sleep=lambda _: None)
        store, sink = DynamoStore(TABLE, client=client, backoff=backoff, workers=2), Post(weather)
        pipeline = Pipeline(PACK, store, sink, owner=owner, clock=self.clock)
        try:
            while (batch := self.queue.take()) is not None:
                started_us, report = self.clock(), None
                try:
                    report = pipeline.process(
                        [Delivery(name, [act.raw], self.received_us) for name, act in batch.parts]
                    )
                except Crash:
                    return True
                finally:
                    self._account(sink, report, started_us)
                    left = [name for name, _ in batch.parts] if report is None else list(report.retry)
                    self.queue.done(batch, left)
        finally:
            store.close()
            with self._lock:
                self.numbers.update({f"store's {name}": number for name, number in store.operations.items()})
        return False

    def _account(self, sink: Post, report: Report | None, started_us: int) -> None:
        told = sink.told.copy()
        sink.told.clear()
        with self._lock:
            self.told.update(told)
            if report is None:
                return
            self.numbers.update(report.counts)
            if not report.retry and self.clock() - started_us < LEASE_US:
                self.plain.update(told)

    def tell(self, seconds: float) -> None:
        """For whoever reads along."""
        first = (
            f"{EVENTS:,} events, {WORKERS} workers, {seconds:.0f} s: {len(self.told):,} findings, "
            f"{self.told.total() - len(self.told)} told again; {self.queue.returned} batches came back; "
            f"out at once: up to {self.queue.disorder_us / HOUR_US:.1f} h"
        )
        lines = [first, *(f"  {name}: {number:,}" for name, number in sorted(self.numbers.items()))]
        print("", *lines, sep="\n")  # noqa: T201 - shown by make chaos


def test_eight_workers_in_bad_weather_find_what_one_finds_in_a_calm() -> None:
    """… and what the definition says; each is told, and told again only by a turn that something happened to."""
    chance = random.Random(SEED)
    acts = _acts(EVENTS, chance)
    received_us = max(act.time_us for act in acts)
    calm = World(MemoryStore(), RecordingSink(), Clock(received_us), PACK)
    calm.deliver([[act.raw for act in sorted(acts, key=lambda one: one.time_us)]])
    clock = Clock(received_us)
    started = time.monotonic()
    with running("moto server") as service:
        create_table(service.dynamodb(), TABLE)
        office = Office(service, Queue(_batches(acts, chance), clock), clock, received_us)
        with ThreadPoolExecutor(WORKERS) as threads:
            for future in [threads.submit(office.work, place) for place in range(WORKERS)]:
                future.result()
        found = list(DynamoStore(TABLE, client=service.dynamodb()).scan_findings(Query()))
    office.tell(time.monotonic() - started)
    assert sorted(row.finding.uid for row in found) == calm.uids()
    by_rule = Counter(row.finding.card.id for row in found)
    wanted = Counter({one.card.id: _by_the_definition(one, acts) for one in PACK.correlations})
    assert by_rule == wanted
    assert min(wanted.values()) > 0
    assert {row.status for row in found} == {"sent"}
    assert not any(row.finding.late or row.finding.overflowed for row in found)
    assert set(office.told) == {row.finding.uid for row in found}
    assert max(office.plain.values()) == 1
    happened = ("throttled", "stumbled", "lost", "unprocessed", "away", "crashed", "conflicts")
    assert all(office.numbers[name] for name in happened), "the weather was fine: it proves nothing"
