"""Ordinary days: who does what, how often, and when; drawn anew each day from one table of routines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from demo import company as c
from demo import signing
from demo.calls import CATALOGUE
from demo.cloudtrail import Call, Json, record
from demo.company import DEV, PROD
from demo.mixes import MIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from random import Random

    from demo.company import Account, Role
    from demo.signing import Opening

DAY = 86_400
HOUR = 3_600
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that begins at a time and writes events, in order, from then on."""

    at: int
    events: Callable[[Random, int], Iterator[Json]]


@dataclass(frozen=True, slots=True)
class Routine:
    """One habit of the company: how a session begins, which calls follow, how often and when in a day."""

    open: Callable[[Random, int], Opening]
    calls: tuple[Call, ...]
    weights: tuple[int, ...]
    length: tuple[int, int]
    pace: int
    hours: tuple[int, int]
    weekday: float
    weekend: float
    opening: int

    def events(self, rng: Random, at: int) -> Iterator[Json]:
        """Act out the routine once."""
        session, first = self.open(rng, at)
        yield from first
        count = rng.randint(*self.length)
        for call in rng.choices(self.calls, cum_weights=self.weights, k=count):
            at += 1 + int(rng.expovariate(1) * self.pace)
            yield record(rng, session, call, at)

    @property
    def mean(self) -> float:
        """Return about how many events one time makes."""
        return self.opening + sum(self.length) / 2


def _routine(  # noqa: PLR0913 (one row of the table below)
    opener: Callable[[Random, int], Opening],
    mix: Mapping[str, int],
    *,
    length: tuple[int, int],
    pace: int,
    weekday: float,
    weekend: float | None = None,
    hours: tuple[int, int] = (0, 24),
    opening: int = 1,
) -> Routine:
    """Look up the calls of a mix, so that a wrong name is noticed when the module is loaded."""
    calls = tuple(CATALOGUE[name] for name in mix)
    rest = weekday if weekend is None else weekend
    return Routine(opener, calls, tuple(accumulate(mix.values())), length, pace, hours, weekday, rest, opening)


def _person(person: c.Person) -> Routine:
    """Let somebody work about one and a half times a day, and hardly ever at the weekend."""
    share = 0.5 if person.job in {"finance", "analyst"} else 1.5
    pace = 40 if "cli" in person.way or person.way == "keys" else 75
    return _routine(
        lambda rng, at: signing.sign_in(rng, person, at),
        MIXES[person.job],
        length=(6, 18),
        pace=pace,
        hours=person.hours,
        weekday=share,
        weekend=0.06,
        opening=0 if person.way == "keys" else 1,
    )


def _service(role: Role, service: str, name: str) -> Callable[[Random, int], Opening]:
    return lambda rng, at: signing.service_role(rng, role, service, name, at)


def _machine(role: Role, agent: str, account: Account = PROD) -> Callable[[Random, int], Opening]:
    def start(rng: Random, at: int) -> Opening:
        return signing.workload(rng, account, role, at, name=rng.choice(account.instances), agent=agent)

    return start


def _function(rng: Random, at: int) -> Opening:
    account = DEV if rng.randrange(5) == 0 else PROD
    return signing.workload(rng, account, c.FUNCTION, at, name=rng.choice(c.FUNCTIONS), agent=c.BOTO)


def _reports(rng: Random, at: int) -> Opening:
    return signing.workload(rng, PROD, c.REPORTING_BATCH, at, name=PROD.instances[3], agent=c.BOTO)


ROUTINES: tuple[Routine, ...] = (
    *(_person(person) for person in c.PEOPLE),
    _routine(
        lambda rng, at: signing.build_job(rng, c.GITHUB_DEPLOY, c.BOTO, at),
        MIXES["deploy"],
        length=(6, 11),
        pace=12,
        hours=(7, 18),
        weekday=7,
        weekend=0.3,
    ),
    _routine(
        lambda rng, at: signing.build_job(rng, c.TERRAFORM_APPLY, c.TERRAFORM, at),
        MIXES["terraform"],
        length=(20, 34),
        pace=1,
        hours=(7, 18),
        weekday=2,
        weekend=0.2,
    ),
    _routine(
        _service(c.AUTO_SCALING, "autoscaling", "AutoScaling"),
        MIXES["auto_scaling"],
        length=(4, 9),
        pace=9,
        weekday=4,
        hours=(5, 22),
    ),
    _routine(
        _service(c.ECS, "ecs", "ecs-service-scheduler"),
        MIXES["containers"],
        length=(4, 8),
        pace=12,
        weekday=5,
        weekend=2,
    ),
    _routine(
        _service(c.EKS, "eks", "AmazonEKS"),
        MIXES["cluster"],
        length=(2, 4),
        pace=3,
        weekday=8,
    ),
    _routine(
        _machine(c.NODE, c.KUBERNETES),
        MIXES["node"],
        length=(1, 3),
        pace=5,
        weekday=32,
        opening=0,
    ),
    _routine(
        _machine(c.INSTANCE, c.SSM_AGENT),
        MIXES["agent"],
        length=(1, 2),
        pace=2,
        weekday=56,
        opening=0,
    ),
    _routine(
        _machine(c.INSTANCE, c.SSM_AGENT, DEV),
        MIXES["agent"],
        length=(1, 2),
        pace=2,
        weekday=12,
        opening=0,
    ),
    _routine(
        _function,
        MIXES["function"],
        length=(1, 3),
        pace=1,
        weekday=56,
        weekend=44,
        opening=0,
    ),
    _routine(
        _service(c.FUNCTION, "lambda", "stock-sync"),
        MIXES["stream"],
        length=(0, 1),
        pace=1,
        weekday=24,
    ),
    _routine(
        _machine(c.METRICS, c.BOTO),
        MIXES["metrics"],
        length=(1, 3),
        pace=2,
        weekday=36,
        opening=0,
    ),
    _routine(
        _service(c.CONFIG, "config", "AWSConfig-Describe"),
        MIXES["recorder"],
        length=(6, 10),
        pace=2,
        weekday=4,
    ),
    _routine(
        _service(c.BACKUP, "backup", "AWSBackup-nightly"),
        MIXES["backup"],
        length=(8, 12),
        pace=20,
        weekday=1,
        hours=(2, 4),
    ),
    _routine(
        _reports,
        MIXES["reports"],
        length=(8, 12),
        pace=15,
        weekday=1,
        hours=(1, 3),
        opening=0,
    ),
    _routine(
        lambda _rng, _at: signing.aws_itself(PROD, "kms"),
        MIXES["rotation"],
        length=(1, 1),
        pace=1,
        weekday=0.3,
        opening=0,
    ),
)


def events_a_day() -> float:
    """Return about how many events an ordinary week has each day."""
    return sum(r.mean * (5 * r.weekday + 2 * r.weekend) / 7 for r in ROUTINES)


def plan_day(rng: Random, midnight: int, scale: float = 1.0) -> Iterable[Activity]:
    """Draw what is begun on one day; a scale of two is a company twice as busy."""
    weekend = (midnight // DAY + 3) % 7 >= _SATURDAY
    for routine in ROUTINES:
        often = (routine.weekend if weekend else routine.weekday) * scale
        count = int(often) + (rng.random() < often % 1)
        first, last = routine.hours
        for _ in range(count):
            yield Activity(midnight + rng.randrange(first * HOUR, last * HOUR), routine.events)
