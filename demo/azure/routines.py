"""Ordinary days on Azure: who signs in, what they do there, and what Azure does by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.azure import estate as e
from demo.azure.activity import background, operate
from demo.azure.directory import NON_INTERACTIVE, Change, Place, change, managed_sign_in, program_sign_in, sign_in
from demo.azure.operations import MIXES, OPERATIONS
from demo.habits import Habit, planned
from demo.signing import address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from demo.cloudtrail import Json

_ROLES = {"platform": "Owner", "developer": "Contributor", "support": "Virtual Machine Contributor"}
_MAIL = (e.OFFICE, e.GRAPH)
__all__ = ["ROUTINES", "plan_day"]


def _works(person: c.Person, rng: Random, at: int) -> Iterator[Json]:
    """Let somebody sign in to the portal or a command line and change a few things."""
    by_hand = "cli" in person.way or person.way == "keys"
    app = e.AZURE_CLI if by_hand and rng.random() < 0.7 else e.PORTAL  # noqa: PLR2004 (a share)
    who = e.user(person.name, app, _ROLES[person.job])
    place = Place(address(rng, person, at), c.CHROME)
    yield sign_in(rng, who, place, at)
    for _ in range(rng.randint(1, 3)):
        at += rng.randint(20, 300)
        yield sign_in(rng, who, place, at, to=rng.choice((e.MANAGEMENT, e.GRAPH)), category=NON_INTERACTIVE)
    yield from _operations(rng, who, place.address, at, mix=person.job, count=rng.randint(1, 4))


def _operations(  # noqa: PLR0913 (who, whence, what, when, how many)
    rng: Random, who: e.Principal, place: str, at: int, *, mix: str, count: int
) -> Iterator[Json]:
    words = list(MIXES[mix])
    for word in rng.choices(words, weights=list(MIXES[mix].values()), k=count):
        at += rng.randint(15, 240)
        where = e.DEV if mix == "developer" and rng.randrange(4) else e.PROD
        yield from operate(rng, who, place, OPERATIONS[word](rng, where), at)


def _reads_mail(person: c.Person, rng: Random, at: int) -> Iterator[Json]:
    """Let somebody open their mail: a sign-in now and then, tokens all the time."""
    who = e.user(person.name, e.OFFICE)
    place = Place(address(rng, person, at), person.agent if person.agent.startswith("Mozilla") else c.CHROME)
    if rng.randrange(5) == 0:
        yield sign_in(rng, who, place, at - 12, to=e.OFFICE, error=50126)
    yield sign_in(rng, who, place, at, to=e.OFFICE)
    for _ in range(rng.randint(3, 7)):
        at += rng.randint(300, 3000)
        yield sign_in(rng, who, place, at, to=rng.choice(_MAIL), category=NON_INTERACTIVE)


def _pipeline(who: e.Principal, mix: str, steps: tuple[int, int], rng: Random, at: int) -> Iterator[Json]:
    """Let a build job sign in with its repository's token and roll something out."""
    place = rng.choice(c.RUNNER_ADDRESSES)
    yield program_sign_in(rng, who, Place(place), at, to=e.MANAGEMENT)
    yield from _operations(rng, who, place, at, mix=mix, count=rng.randint(*steps))


def _platform(who: e.Principal, mix: str, rng: Random, at: int) -> Iterator[Json]:
    """Let Azure act in the company's name: there is no address."""
    yield from _operations(rng, who, "", at, mix=mix, count=rng.randint(1, 3))


def _noted(category: str, action: str, rng: Random, at: int) -> Iterator[Json]:
    yield background(rng, category, action, e.PROD.machine(rng.choice(e.PROD.machines)), at)


def _identity(who: e.Principal, rng: Random, at: int) -> Iterator[Json]:
    yield managed_sign_in(rng, who, at, to=rng.choice((e.VAULT, e.STORAGE)))


def _synchronised(rng: Random, at: int) -> Iterator[Json]:
    """Let the server in the office's cellar fetch its invoices."""
    yield program_sign_in(rng, e.INVOICES, Place(c.OFFICE_ADDRESSES[1]), at, to=e.STORAGE)


def _partner(rng: Random, at: int) -> Iterator[Json]:
    """Let the partner see to patches: it signs in at home, so only what it does is in the company's logs."""
    count = rng.randint(2, 5)
    yield from _operations(rng, e.PARTNER, e.PARTNER_ADDRESS, at, mix="partner", count=count)


def _directory(rng: Random, at: int) -> Iterator[Json]:
    """Let the help desk keep the directory: groups, attributes, a password now and then."""
    clerk = e.user(rng.choice(("rafael", "sunniva")))
    person = e.user(rng.choice([one.name for one in c.PEOPLE]))
    group = rng.choice(("All staff", "VPN users", "Warehouse readers"))
    changes = (
        Change("Update user", "UserManagement", "User", person.name, person.object_id,
               {"Department": ('["Shop"]', '["Warehouse"]')}, upn=person.upn),
        Change("Add member to group", "GroupManagement", "User", person.name, person.object_id,
               {"Group.DisplayName": (None, f'"{group}"')}, upn=person.upn),
        Change("Reset password (by admin)", "UserManagement", "User", person.name, person.object_id, {},
               "Self-service Password Management", person.upn),
        Change("Update device", "Device", "Device", f"QF-{person.name.upper()}", e.guid("device", person.name),
               {"DisplayName": (None, f'"QF-{person.name.upper()}"')}),
    )  # fmt: skip
    what = rng.choices(changes, weights=(6, 5, 2, 5))[0]
    yield change(rng, clerk, c.OFFICE_ADDRESSES[0], what, at)


def _habits() -> Iterator[Habit]:
    for person in c.PEOPLE:
        yield Habit(partial(_reads_mail, person), 1.6, 0.3, person.hours)
        if person.job in _ROLES:
            often = {"platform": 1.6, "developer": 1.2, "support": 0.8}[person.job]
            yield Habit(partial(_works, person), often, 0.05, person.hours)


ROUTINES: tuple[Habit, ...] = (
    *_habits(),
    Habit(partial(_pipeline, e.TERRAFORM, "terraform", (4, 9)), 2, 0.2, (7, 18)),
    Habit(partial(_pipeline, e.DEPLOY, "deploy", (2, 5)), 5, 0.3, (7, 18)),
    Habit(partial(_platform, e.AUTOSCALE, "scaling"), 5, 3, (5, 22)),
    Habit(partial(_platform, e.BACKUP, "backup"), 6, 6, (1, 4)),
    Habit(partial(_noted, "Policy", "Microsoft.Authorization/policies/audit/action"), 18, 8),
    Habit(partial(_noted, "ResourceHealth", "Microsoft.Resourcehealth/healthevent/Activated/action"), 1.5, 1.5),
    Habit(partial(_identity, e.WORKER), 60, 56),
    Habit(partial(_identity, e.EXPORT), 24, 24),
    Habit(_synchronised, 12, 12),
    Habit(_partner, 1, 0.3, (6, 16)),
    Habit(_directory, 5, 0.3, (7, 17)),
)


plan_day = partial(planned, ROUTINES)
"""Draw what is begun on one day."""
