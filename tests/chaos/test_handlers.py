"""The handlers of both clouds in bad weather: the same findings as in a calm, each told, and repeats counted.

People act in bursts, as in tests/faults/test_workers.py, whose rules, queue and bounds these are: copies, disorder of
up to an hour, and nothing handed out that is too new for what is still to be done. Each delivery meets a fresh process,
and poison lies among the events. The suite takes some hundred events (half of them on Azure: Azurite is slow);
FIRSTSEEN_HANDLER_EVENTS says how many else.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from firstseen.adapters.azure.kept import DEAD_LETTERS, PUT_ASIDE
from firstseen.adapters.local.memory import MemoryStore
from functions.aws.ingest import Handler
from functions.azure.again import again
from functions.azure.ingest import ingest
from functions.azure.wiring import Parts
from tests.chaos.storm import Killed, Storm, StormySink, StormyStore
from tests.emulators import azurite_installed
from tests.faults.faulty import RecordingSink
from tests.faults.test_workers import CHAIN, DELAY_SECONDS, PACK, ROUND_SECONDS, RULES, Act, Batch, Queue
from tests.faults.world import MINUTE_US, Clock, World
from tests.functions import aws_cloud, azure_cloud
from tests.functions.aws_cloud import Context, Sent, bus_event, queue_event
from tests.functions.azure_cloud import Message

EVENTS = int(os.environ.get("FIRSTSEEN_HANDLER_EVENTS", "120"))
SEED = int(os.environ.get("FIRSTSEEN_CHAOS_SEED", "1"))
PEOPLE = 12
SIZE = 12
COPIES = 0.2
POISON = (
    "not json",
    '{"eventVersion":',
    '{"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": 1}}',
    "[]",
)
TURN_US = 15_000_000
"""What one call of a handler takes, by the clock."""

ROUNDS = 60


def acts_of(count: int, chance: random.Random) -> list[Act]:
    """Short bursts of few people, each of up to seven hours, a day and more apart."""
    acts: list[Act] = []
    starts = {f"person-{number}": chance.uniform(0, ROUND_SECONDS[0]) for number in range(PEOPLE)}
    burst = 0
    while len(acts) < count:
        who = min(starts, key=lambda one: starts[one])
        for _ in range(min(chance.randint(1, 14), count - len(acts))):
            second = round(starts[who] + chance.uniform(0, 6.9 * 3600))
            call = "Remove" if chance.random() < 0.05 else chance.choice(("Ask", *CHAIN))
            acts.append(Act(len(acts), second, burst, who, call, f"192.0.2.{chance.randint(1, 20)}"))
        starts[who] += chance.uniform(*ROUND_SECONDS)
        burst += 1
    return acts


def arriving(acts: Sequence[Act], chance: random.Random) -> list[Batch]:
    """A fifth of it twice, up to an hour late."""
    copies = [act for act in acts if chance.random() < COPIES]
    order = sorted([*acts, *copies], key=lambda act: act.second + chance.uniform(0, DELAY_SECONDS))
    parts = [(f"message-{place}", act) for place, act in enumerate(order)]
    return [Batch(tuple(parts[start : start + SIZE])) for start in range(0, len(parts), SIZE)]


def calm(acts: Sequence[Act], received_us: int) -> list[str]:
    world = World(MemoryStore(), RecordingSink(), Clock(received_us), PACK)
    world.deliver([[act.raw for act in sorted(acts, key=lambda one: one.time_us)]])
    return world.uids()


def storm_over(clock: Clock, cloud: str) -> Storm:
    return Storm(random.Random(f"{SEED}/{cloud}"), clock)


def weathered(told: list[str], wanted: list[str], storm: Storm, cloud: str) -> None:
    """Each was told; what was told again has its id; the weather was bad."""
    assert sorted(set(told)) == wanted
    repeats = Counter(told).total() - len(wanted)
    print(f"\n{cloud}: {len(wanted)} findings, {repeats} told again; {dict(storm.seen)}")  # noqa: T201 - shown by make chaos
    happened = ("store away", "throttled", "sink away", "killed")
    assert all(storm.seen[name] for name in happened), "the weather was fine: it proves nothing"


def test_the_lambda_function_in_bad_weather_finds_what_is_found_in_a_calm(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    acts = acts_of(EVENTS, chance)
    with aws_cloud.cloud(tmp_path, RULES) as account:
        account.clock.now_us = received_us = max(act.time_us for act in acts) + MINUTE_US
        wanted = calm(acts, received_us)
        storm = storm_over(account.clock, "aws")

        def process() -> Handler:
            return account.container(lambda store, sink: (StormyStore(store, storm), StormySink(sink, storm)))

        queue = Queue(arriving(acts, chance), account.clock)
        poison = account.messages(POISON)
        while (batch := queue.take()) is not None:
            messages = [Sent(name, bus_event(act.raw), received_us) for name, act in batch.parts]
            queue.done(batch, left_of(process, [*messages, *poison]))
            account.clock.now_us += TURN_US
            poison = []
        assert account.uids() == wanted
        assert {row.status for row in account.rows()} == {"sent"}
        weathered(account.notifications(), wanted, storm, "aws")


def left_of(process: Callable[[], Handler], messages: Sequence[Sent]) -> list[str]:
    """What a fresh process does not acknowledge of a batch: all of it when it dies."""
    try:
        return [one["itemIdentifier"] for one in process()(queue_event(messages), Context())["batchItemFailures"]]
    except (Exception, Killed):  # noqa: BLE001 - Lambda gives the whole batch back, whatever it was
        return [one.id for one in messages]


@pytest.mark.skipif(not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed")
def test_the_function_app_in_bad_weather_finds_what_is_found_in_a_calm(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    acts = acts_of(EVENTS // 2, chance)
    with azure_cloud.servers(tmp_path) as around:
        cloud = around.deploy(RULES)
        cloud.clock.now_us = received_us = max(act.time_us for act in acts) + MINUTE_US
        wanted = calm(acts, received_us)
        storm = storm_over(cloud.clock, "azure")

        def process() -> Parts:
            return cloud.build(lambda store: StormyStore(store, storm), lambda sink: StormySink(sink, storm))

        for place, batch in enumerate(arriving(acts, chance)):
            bodies = [act.raw for _, act in batch.parts]
            taken(cloud, process, [*bodies, *(one.encode() for one in POISON if not place)])
            cloud.clock.now_us += TURN_US
        assert cloud.uids() == wanted
        assert {row.status for row in cloud.rows()} == {"sent"}
        assert cloud.kept(DEAD_LETTERS) == []
        weathered(cloud.topic.received(), wanted, storm, "azure")


def taken(cloud: azure_cloud.Cloud, process: Callable[[], Parts], bodies: Sequence[bytes]) -> None:
    """A batch by the trigger, then what was put aside, until nothing is; a fresh process each time."""
    events = cloud.events(bodies)
    for _ in range(ROUNDS):
        cloud.clock.now_us += TURN_US
        try:
            ingest(process(), events)
            break
        except (Exception, Killed):  # noqa: BLE001, S112 - the host tries again, whatever it was
            continue
    else:
        raise AssertionError("never ended")
    queue = cloud.queue(PUT_ASIDE)
    for _ in range(ROUNDS * len(bodies)):
        found = queue.receive_message(visibility_timeout=60)
        if found is None:
            return
        cloud.clock.now_us += TURN_US
        try:
            again(process(), Message(found.id, found.content.encode(), found.inserted_on))
        except (Exception, Killed):  # noqa: BLE001 - the host lets it be seen again
            queue.update_message(found, visibility_timeout=0)
        else:
            queue.delete_message(found)
    raise AssertionError("never drained")
