"""Who acts, in which order it arrives, and what a calm finds in it: the load that the built packages get.

People act in bursts, within the bounds of the order guarantee: each for less than seven hours, and then not for more
than a day. What arrives is cut into groups of less than half a day; a group is done before the next one begins.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from firstseen.adapters.local.memory import MemoryStore
from firstseen.language.frontends.loading import build_pack
from firstseen.sources.azure_activitylogs import SAMPLE
from tests.faults.faulty import RecordingSink
from tests.faults.test_workers import BURST_SECONDS, CHAIN, DELAY_SECONDS, ROUND_SECONDS, RULES, Act
from tests.faults.world import START, Clock, World

COPIES = 0.2
GROUP_SECONDS = 11 * 3600
"""Of the times of arrival; those of the events spread over an hour more."""

REMOVED = 0.01
FILE = 5_000
"""Lines of one delivery in the calm."""

AZURE_RULES = (
    RULES.replace("product: aws, service: cloudtrail", "product: azure, service: activitylogs")
    .replace("eventName: [", "operationName|endswith: [")
    .replace("eventName:", "operationName|endswith:")
    .replace("userIdentity.userName", "actor")
    .replace("sourceIPAddress", "callerIpAddress")
)
"""The same rules for the Activity Log."""

Group = Sequence[Sequence[Act]]
"""Batches, in the order in which they arrive."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done, by how many.

    Attributes:
        events: without copies.
        people: who act; the more, the more keys a batch has.
        burst: the most acts of one burst.
        batch: events that arrive together.
        workers: processes.
    """

    events: int
    people: int
    burst: int
    batch: int
    workers: int


def acts_of(size: Size, chance: random.Random) -> list[Act]:
    """What everybody does, burst by burst; most have some of the calls and some of the addresses only."""
    acts: list[Act] = []
    starts = {f"person-{number}": chance.uniform(0, ROUND_SECONDS[0]) for number in range(size.people)}
    for burst in range(size.events):
        who = min(starts, key=lambda one: starts[one])
        calls = ["Ask", *chance.choices(CHAIN, k=chance.randint(0, 9))]
        addresses = [f"192.0.2.{chance.randint(1, 250)}" for _ in range(chance.randint(1, 9))]
        number = chance.choice([1, 7, 8, size.burst - 2, size.burst, size.burst])
        for _ in range(min(number, size.events - len(acts))):
            second = round(starts[who] + chance.uniform(0, BURST_SECONDS))
            call = "Remove" if chance.random() < REMOVED else chance.choice(calls)
            acts.append(Act(len(acts), second, burst, who, call, chance.choice(addresses)))
        starts[who] += chance.uniform(*ROUND_SECONDS)
        if len(acts) == size.events:
            break
    return acts


def arriving(acts: Sequence[Act], batch: int, chance: random.Random) -> list[Group]:
    """A fifth of it twice, up to an hour late, in groups of batches."""
    copies = [act for act in acts if chance.random() < COPIES]
    timed = sorted(
        ((act.second + chance.uniform(0, DELAY_SECONDS), act) for act in [*acts, *copies]), key=lambda one: one[0]
    )
    groups: list[Group] = []
    while timed:
        end = timed[0][0] + GROUP_SECONDS
        number = sum(at < end for at, _ in timed)
        group, timed = [act for _, act in timed[:number]], timed[number:]
        groups.append([group[start : start + batch] for start in range(0, number, batch)])
    return groups


def activity(act: Act) -> bytes:
    """An act as an entry of the Activity Log."""
    claims = {
        "http://schemas.microsoft.com/identity/claims/objectidentifier": act.who,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": f"{act.who}@contoso.example",
    }
    changes = {
        "time": f"{START + timedelta(seconds=act.second):%Y-%m-%dT%H:%M:%S.0000000Z}",
        "operationName": f"EXAMPLE.SERVICE/THINGS/{act.call.upper()}",
        "correlationId": f"correlation-{act.number}",
        "callerIpAddress": act.address,
        "identity": {"claims": claims},
    }
    return json.dumps({**SAMPLE, **changes}).encode()


def calm(acts: Sequence[Act], rules: str, form: Callable[[Act], bytes], received_us: int) -> list[str]:
    """The ids of what one pass in order over the memory store finds."""
    pack = build_pack({"rules.yml": rules.encode()})
    world = World(MemoryStore(), RecordingSink(), Clock(received_us), pack)
    ordered = [form(act) for act in sorted(acts, key=lambda one: one.time_us)]
    world.deliver([[b"\n".join(ordered[start : start + FILE])] for start in range(0, len(ordered), FILE)])
    return world.uids()
