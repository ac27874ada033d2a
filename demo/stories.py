"""What must be found, and what must not: scripted scenes inside the ordinary days.

A story is a function from the stage (when the demo begins, how long it lasts) to its scenes and to
the findings that they must cause. Another story is one more function in STORIES. The expected
findings are written by hand beside the script that causes them; no part of the product is asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from demo import company as c
from demo import signing
from demo.azure import break_ins as azure
from demo.break_ins import help_desk_at_night, new_user_takes_a_disk, snapshots_given_away
from demo.calls import CATALOGUE
from demo.calls.faults import NO_INSTANCE, UNAUTHORIZED
from demo.cloudtrail import (
    Exchange,
    Fault,
    Json,
    Session,
    access_key,
    record,
    role_identity,
    stamp,
    user_identity,
)
from demo.company import FIRST_DAY, PROD
from demo.gcp import break_ins as gcp
from demo.take_over import console_in_other_hands
from demo.telling import DAYS, Expected, Stage, Tale
from demo.traffic import Activity
from demo.yandex import break_ins as yandex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

__all__ = ["ANY_RULE", "DAYS", "REFUSED_RULE", "STORIES", "Expected", "Stage", "Tale", "expected"]

REFUSED_RULE = "ec2_password_data_refused_new_role"
"""GetPasswordData refused to an assumed role: sessionIssuer.arn new in 7 days, after learning for 7 days."""

ANY_RULE = "ec2_password_data_new_role"
"""GetPasswordData by an assumed role, refused or not: new in 7 days, after learning for 7 days."""

_PATCHED: Json = {"key": "tag:team", "values": ["storefront"]}
_ATTACK_TOOL = "Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux#6.6.9-amd64 lang/python#3.11.8"


def _password(rng: Random, session: Session, machine: str, at: int, fault: Fault | None = None) -> Json:
    """Ask EC2 for the administrator's password of one Windows machine."""
    call = CATALOGUE["ec2:GetPasswordData"]
    return record(rng, session, call, at, exchange=Exchange({"instanceId": machine}), fault=fault)


def _refusal(machine: str) -> Fault:
    """Word a refusal as EC2 does."""
    message = (
        "You are not authorized to perform this operation. User: {arn} is not authorized to perform: "
        f"ec2:GetPasswordData on resource: {PROD.arn('ec2', f'instance/{machine}')} because no "
        "identity-based policy allows the ec2:GetPasswordData action"
    )
    return Fault(UNAUTHORIZED.code, message)


def stolen_credentials(stage: Stage) -> Tale:
    """Somebody outside uses the reporting job's credentials, taken from its machine, to ask for passwords."""

    def scene(rng: Random, at: int) -> Iterator[Json]:
        identity = role_identity(
            PROD,
            c.REPORTING_BATCH,
            PROD.instances[3],
            access_key(rng),
            at - 1900,
            context={"ec2RoleDelivery": "1.0"},
        )
        session = Session(identity, PROD, c.OUTSIDE_ADDRESS, _ATTACK_TOOL)
        yield record(rng, session, CATALOGUE["sts:GetCallerIdentity"], at)
        windows: Json = {"items": [{"name": "platform", "valueSet": {"items": [{"value": "windows"}]}}]}
        exchange = Exchange({"instancesSet": {}, "filterSet": windows})
        describe = replace(CATALOGUE["ec2:DescribeInstances"], fault=None)
        yield record(rng, session, describe, at + 22, exchange=exchange)
        for machine, wait in zip(PROD.windows[:4], (123, 127, 131, 136), strict=True):
            yield _password(rng, session, machine, at + wait, _refusal(machine))

    begin = stage.at(11, 2, 41, 7)
    who, when = c.REPORTING_BATCH.arn(PROD), stamp(begin + 123)
    why = (
        "the reporting job never asked for a password before; its credentials are used from an address "
        "outside, four machines refuse within seconds, and that is one episode"
    )
    return Tale(
        (Activity(begin, scene),),
        (
            Expected("workload_role_from_new_network", who, stamp(begin), why),
            Expected(REFUSED_RULE, who, when, why),
            Expected(ANY_RULE, who, when, why),
        ),
    )


def returning_helpdesk(stage: Stage) -> Tale:
    """The help desk reads a password, allowed, eleven days after it last did: known once, but not lately."""

    def scene(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.switch_role_in_console(rng, c.person("rafael"), c.HELPDESK, at)
        yield from events
        yield record(rng, session, CATALOGUE["ssm:DescribeInstanceInformation"], at + 75)
        yield _password(rng, session, PROD.windows[5], at + 190)

    first, again = stage.at(2, 9, 14, 20), stage.at(13, 10, 2, 51)
    why = "the help desk's last reading is eleven days old, longer than the seven days that count as known"
    return Tale(
        (Activity(again, scene),),
        (Expected(ANY_RULE, c.HELPDESK.arn(PROD), stamp(again + 190), why),),
        before=(Activity(first, scene),),
    )


def windows_administration(stage: Stage) -> Tale:
    """Administrators read passwords every Monday and Thursday, so neither reading nor refusal is new.

    They are refused on days 2 and 5 while the rules learn, and on day 9, four days after the last refusal.
    Once they mistype a machine: an error, but no refusal.
    """
    tomas = c.person("tomas")

    def reading(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.switch_role(rng, tomas, c.WINDOWS_ADMINS, at)
        yield from events
        yield record(rng, session, CATALOGUE["ec2:DescribeInstanceStatus"], at + 31)
        for wait in (64, 118):
            yield _password(rng, session, rng.choice(PROD.windows[:4]), at + wait)

    def refused(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.switch_role(rng, tomas, c.WINDOWS_ADMINS, at)
        yield from events
        yield _password(rng, session, PROD.windows[4], at + 48, _refusal(PROD.windows[4]))

    def mistaken(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.switch_role(rng, tomas, c.WINDOWS_ADMINS, at)
        yield from events
        yield _password(rng, session, "i-0fedcba9876543210", at + 57, NO_INSTANCE)

    readings = [Activity(stage.at(day, 8, 12, 5 * day % 60), reading) for day in _weekly(stage, 1, 5)]
    refusals = [Activity(stage.at(day, hour, 24, 9), refused) for day, hour in ((2, 13), (5, 15), (9, 10))]
    return Tale((*readings, *refusals, Activity(stage.at(8, 14, 3, 40), mistaken)))


def maintenance_rounds(stage: Stage) -> Tale:
    """Two who administer go through the machines twice a week: from the office on Tuesdays, from home on Fridays.

    Commands by name and by tag, a session, a snapshot before: what others do for the first time, they always do.
    """

    def round_of(person: c.Person, place: str) -> Activity:
        def scene(rng: Random, at: int) -> Iterator[Json]:
            identity = user_identity(PROD, person.name, person.long_lived_key(PROD))
            if person.role is not None:
                identity = role_identity(PROD, person.role, person.email, access_key(rng), at - 600)
            session = Session(identity, PROD, place, person.agent)
            machines: Json = {"items": [{"instanceId": PROD.instances[2]}]}
            yield record(rng, session, CATALOGUE["ec2:DescribeInstances"], at, exchange=Exchange(machines))
            yield record(rng, session, CATALOGUE["ec2:CreateSnapshot"], at + 40)
            for wait, targets in ((95, {"instanceIds": [PROD.instances[2]]}), (180, {"targets": [_PATCHED]})):
                document = "AWS-RunPatchBaseline" if "targets" in targets else "AWS-RunShellScript"
                asked: Json = {"documentName": document, **targets}
                yield record(rng, session, CATALOGUE["ssm:SendCommand"], at + wait, exchange=Exchange(asked))
            yield record(rng, session, CATALOGUE["ssm:StartSession"], at + 400)

        return Activity(0, scene)

    scenes = []
    for hour, name in ((8, "tomas"), (9, "ines")):
        person = c.person(name)
        for day, place in ((2, person.home), (6, c.OFFICE_ADDRESSES[0])):
            act = round_of(person, place)
            scenes += [replace(act, at=stage.at(one, hour, 31, 4 * one)) for one in _weekly(stage, day)]
    return Tale(tuple(scenes))


def refused_user(stage: Stage) -> Tale:
    """A developer with keys of his own is refused: no assumed role, so no business of these rules."""

    def scene(rng: Random, at: int) -> Iterator[Json]:
        piotr = c.person("piotr")
        identity = user_identity(PROD, piotr.name, piotr.long_lived_key(PROD))
        session = Session(identity, PROD, piotr.home, piotr.agent)
        yield record(rng, session, CATALOGUE["sts:GetCallerIdentity"], at)
        yield _password(rng, session, PROD.windows[1], at + 35, _refusal(PROD.windows[1]))

    return Tale((Activity(stage.at(9, 16, 47, 12), scene),))


def root_in_the_office(stage: Stage) -> Tale:
    """The root user signs in from the office to look at the bill, as it does each quarter."""

    def scene(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.root_sign_in(rng, PROD, c.OFFICE_ADDRESSES[0], c.SAFARI, at)
        yield from events
        yield record(rng, session, CATALOGUE["iam:GetAccountSummary"], at + 25)
        for wait in (80, 145):
            yield record(rng, session, CATALOGUE["ce:GetCostAndUsage"], at + wait)

    return Tale((Activity(stage.at(6, 9, 30, 2), scene),))


def _weekly(stage: Stage, *days: int) -> Iterator[int]:
    """Repeat some days of the first week until the end."""
    for week in range(0, stage.days, 7):
        yield from (week + day for day in days if week + day <= stage.days)


STORIES: tuple[Callable[[Stage], Tale], ...] = (
    stolen_credentials,
    returning_helpdesk,
    windows_administration,
    maintenance_rounds,
    refused_user,
    root_in_the_office,
    new_user_takes_a_disk,
    help_desk_at_night,
    snapshots_given_away,
    console_in_other_hands,
)


def expected(days: int = DAYS, start: int = FIRST_DAY) -> list[Expected]:
    """Return the findings that must be notified, alone or in a digest, in the order of time, of so many days."""
    stage = Stage(start, days)
    end = stamp(stage.at(days + 1, 0))
    tales = [tell(stage) for tell in (*STORIES, *azure.STORIES, *gcp.STORIES, *yandex.STORIES)]
    found = [finding for tale in tales for finding in tale.expected if finding.when < end]
    return sorted(found, key=lambda finding: (finding.when, finding.rule, finding.who))
