"""Ordinary days at Yandex Cloud: who signs in, what they do there, and what the cloud does by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.habits import Habit, planned
from demo.signing import address
from demo.yandex import estate as e
from demo.yandex.calls import CALLS, MIXES
from demo.yandex.events import signed_in, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from demo.cloudtrail import Json

_OFTEN = {"platform": 1.5, "developer": 1.4, "support": 0.8}
_BY_HAND = 0.7
"""How often those who have a command line use it."""


def _works(person: c.Person, rng: Random, at: int) -> Iterator[Json]:
    """Let somebody sign in and work, in the console or on the command line.

    The command line opens a browser for the sign-in: its token lasts half a day.
    """
    place = address(rng, person, at)
    where, mix, count = e.PROD, person.job, rng.randint(2, 6)
    if person.job == "developer" and rng.randrange(3):
        where, mix = e.DEV, "developer, dev"
    who = e.person(person.name, place, person.agent if person.agent.startswith("Mozilla") else c.CHROME)
    yield from signed_in(rng, who, at)
    if person.way in {"sso-cli", "keys"} and rng.random() < _BY_HAND:
        who = e.person(person.name, place, e.YC_LINUX if "linux" in person.agent else e.YC)
    yield from _calls(rng, who, where, at, mix=mix, count=count)


def _calls(  # noqa: PLR0913 (who, where, what, when, how many)
    rng: Random, who: e.Caller, where: e.Folder, at: int, *, mix: str, count: int
) -> Iterator[Json]:
    weights = MIXES[mix]
    for word in rng.choices(list(weights), weights=list(weights.values()), k=count):
        at += rng.randint(12, 240)
        yield from written(rng, who, where, CALLS[word](rng, where), at)


def _program(who: e.Caller, mix: str, steps: tuple[int, int], rng: Random, at: int) -> Iterator[Json]:
    """Let a program do its task."""
    yield from _calls(rng, who, e.PROD, at, mix=mix, count=rng.randint(*steps))


def _pipeline(name: str, agent: str, steps: tuple[int, int], rng: Random, at: int) -> Iterator[Json]:
    """Let a build job roll something out, from whichever machine it was given."""
    who = e.account(name, rng.choice(c.RUNNER_ADDRESSES), agent)
    yield from _calls(rng, who, e.PROD, at, mix=name, count=rng.randint(*steps))


def _cluster(rng: Random, at: int) -> Iterator[Json]:
    """Let the controllers of the cluster keep it as it should be."""
    who = e.Caller(e.NODES, "system:serviceaccount:kube-system:deployment-controller", "SERVICE_ACCOUNT",
                   e.CLOUD_ITSELF, e.CONTROLLER)  # fmt: skip
    yield from _calls(rng, who, e.PROD, at, mix="cluster", count=rng.randint(1, 3))


def _habits() -> Iterator[Habit]:
    for person in c.PEOPLE:
        if person.job in _OFTEN:
            yield Habit(partial(_works, person), _OFTEN[person.job], 0.1, person.hours)


ROUTINES: tuple[Habit, ...] = (
    *_habits(),
    Habit(partial(_pipeline, "terraform", e.TERRAFORM, (4, 9)), 2, 0.2, (7, 18)),
    Habit(partial(_pipeline, "deploy", e.SDK, (2, 4)), 4, 0.3, (7, 18)),
    Habit(partial(_program, e.INSTANCE_GROUP, "group", (1, 4)), 6, 4, (5, 23)),
    Habit(partial(_program, e.NODE_GROUP, "node group", (1, 1)), 2, 1),
    Habit(partial(_program, e.SCHEDULE, "schedule", (3, 4)), 1, 1, (1, 3)),
    Habit(_cluster, 7, 4),
    Habit(partial(_program, e.API, "service", (1, 2)), 18, 14),
    Habit(partial(_program, e.RENDER, "render", (1, 4)), 9, 5, (5, 22)),
    Habit(partial(_program, e.PRINTER, "printer", (1, 2)), 8, 8),
)

plan_day = partial(planned, ROUTINES)
"""Draw what is begun on one day."""
