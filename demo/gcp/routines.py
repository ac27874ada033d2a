"""Ordinary days at Google Cloud: who signs in, what they do there, and what Google does by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.gcp import estate as e
from demo.gcp.calls import CALLS, MIXES, token_made
from demo.gcp.entries import signed_in, written
from demo.habits import Habit, planned
from demo.signing import address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from demo.cloudtrail import Json

_OFTEN = {"platform": 1.6, "developer": 1.5, "analyst": 2.6}
_TYPO = 12
"""One sign-in of so many begins with a wrong password."""


def _works(person: c.Person, rng: Random, at: int) -> Iterator[Json]:
    """Let somebody sign in and work, in the console or on the command line."""
    place = address(rng, person, at)
    agent = c.CHROME if "Mozilla" not in person.agent else person.agent
    by_hand = person.way in {"sso-cli", "keys"}
    who = e.person(person.name, place, e.GCLOUD if by_hand and rng.random() < 0.8 else agent)  # noqa: PLR2004 (a share)
    if rng.randrange(_TYPO) == 0:
        yield signed_in(rng, who, at - 9, failed=True)
    yield signed_in(rng, who, at)
    where = e.DATA if person.job == "analyst" else e.PROD
    mix = person.job
    if person.job == "developer" and rng.randrange(3):
        where, mix = e.DEV, "developer, dev"
    yield from _calls(rng, who, where, at, mix=mix, count=rng.randint(2, 6))


def _calls(  # noqa: PLR0913 (who, where, what, when, how many)
    rng: Random, who: e.Caller, where: e.Project, at: int, *, mix: str, count: int
) -> Iterator[Json]:
    weights = MIXES[mix]
    for word in rng.choices(list(weights), weights=list(weights.values()), k=count):
        at += rng.randint(12, 240)
        yield from written(rng, who, where, CALLS[word](rng, where), at)


def _pipeline(account: str, agent: str, steps: tuple[int, int], rng: Random, at: int) -> Iterator[Json]:
    """Let a build job become a service account with its repository's token, and roll something out."""
    place = rng.choice(c.RUNNER_ADDRESSES)
    yield from written(rng, replace(e.PIPELINE, address=place), e.PROD, token_made(e.PROD, account), at)
    who = e.workload(e.PROD, account, place, agent)
    yield from _calls(rng, who, e.PROD, at, mix=account, count=rng.randint(*steps))


def _group(rng: Random, at: int) -> Iterator[Json]:
    """Let a group of machines grow and shrink."""
    yield from _calls(rng, e.instance_group(e.PROD), e.PROD, at, mix="group", count=rng.randint(1, 4))


def _habits() -> Iterator[Habit]:
    for person in c.PEOPLE:
        if person.job in _OFTEN:
            yield Habit(partial(_works, person), _OFTEN[person.job], 0.1, person.hours)


def _task(who: e.Caller, where: e.Project, mix: str, most: int = 1) -> Callable[[Random, int], Iterator[Json]]:
    """Let a program do its task: one call, or up to so many."""

    def events(rng: Random, at: int) -> Iterator[Json]:
        yield from _calls(rng, who, where, at, mix=mix, count=rng.randint(1, most))

    return events


ROUTINES: tuple[Habit, ...] = (
    *_habits(),
    Habit(partial(_pipeline, "terraform-apply", e.TERRAFORM, (4, 9)), 2, 0.2, (7, 18)),
    Habit(partial(_pipeline, "github-deploy", e.PYTHON, (2, 4)), 4, 0.3, (7, 18)),
    Habit(_group, 6, 4, (5, 23)),
    Habit(_task(e.cluster_robot(e.PROD), e.PROD, "robot"), 2, 1),
    Habit(_task(e.CONTROL_PLANE, e.PROD, "cluster", 2), 8, 5),
    Habit(_task(e.AUTOSCALED, e.PROD, "scaler", 2), 8, 6),
    Habit(_task(e.GOOGLE, e.PROD, "google", 2), 4, 4, (1, 5)),
    Habit(_task(e.workload(e.PROD, "reader-api"), e.PROD, "service", 2), 24, 20),
    Habit(_task(e.workload(e.DATA, "nightly-load", agent=e.PYTHON), e.DATA, "loads", 6), 4, 4, (1, 4)),
    Habit(_task(e.workload(e.DATA, "ledger-sync", c.OFFICE_ADDRESSES[1]), e.DATA, "ledger"), 8, 8),
)


plan_day = partial(planned, ROUTINES)
"""Draw what is begun on one day."""
