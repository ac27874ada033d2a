"""Three break-ins besides the stolen credentials: a chain of calls, an unusual hour, and a flood for a digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo import company as c
from demo import signing
from demo.calls import CATALOGUE
from demo.calls.faults import UNAUTHORIZED
from demo.cloudtrail import (
    Call,
    Exchange,
    Json,
    Session,
    access_key,
    fresh,
    record,
    role_identity,
    stamp,
    user_identity,
    uuid,
)
from demo.company import PROD
from demo.telling import Expected, Stage, Tale
from demo.traffic import Activity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

CHAIN_RULE = "iam_new_user_takes_a_disk"
"""A user made, given a key, and by that user a snapshot, a volume and an instance, in this order within a day."""

NIGHT_RULE = "console_sign_in_at_night_new_user"
"""A console sign-in between 22 and 5 o'clock UTC by a user who did none in 30 days, after learning for 7 days."""

SHARED_RULE = "ec2_snapshot_shared"
"""A snapshot opened to another account, each snapshot once in 30 days."""

SHARED_LIMIT = 5
"""Notifications an hour that the rule allows."""

GIVEN_AWAY = 24
NEW_USER = "svc-metrics-sync"


def _call(service: str, name: str) -> Call:
    """Describe a call that changes something and that only these stories make."""
    return Call(service, name, read_only=False, detail=lambda _rng, _account: Exchange(None))


def _new_user(rng: Random, at: int) -> Iterator[Json]:
    """Make a user and its key, with an administrator's session that was stolen from a laptop."""
    ines = c.person("ines")
    identity = role_identity(PROD, c.ADMIN, ines.email, access_key(rng), at - 3_000)
    session = Session(identity, PROD, c.DISK_ADDRESS, c.CLI_LINUX)
    user: Json = {
        "path": "/",
        "userName": NEW_USER,
        "userId": c.unique_id("AIDA", PROD.id, NEW_USER),
        "arn": f"arn:aws:iam::{PROD.id}:user/{NEW_USER}",
        "createDate": "Oct 12, 2026, 1:02:11 PM",
    }
    asked: Json = {"userName": NEW_USER}
    yield record(rng, session, _call("iam", "CreateUser"), at, exchange=Exchange(asked, {"user": user}))
    key: Json = {"accessKey": {"userName": NEW_USER, "accessKeyId": _key(), "status": "Active"}}
    yield record(rng, session, _call("iam", "CreateAccessKey"), at + 41, exchange=Exchange(asked, key))


def _key() -> str:
    return c.unique_id("AKIA", PROD.id, NEW_USER, length=9)


def _disk(rng: Random, at: int) -> Iterator[Json]:
    """With the new key: copy a disk, make a volume of the copy and start a machine that can read it."""
    session = Session(user_identity(PROD, NEW_USER, _key()), PROD, c.DISK_ADDRESS, c.CLI_LINUX)
    snapshot, volume, machine = fresh(rng, "snap-0"), fresh(rng, "vol-0"), fresh(rng, "i-0")
    yield record(rng, session, CATALOGUE["sts:GetCallerIdentity"], at)
    made: Json = {"snapshotId": snapshot, "volumeId": PROD.volumes[2], "status": "pending", "ownerId": PROD.id}
    copied = Exchange({"volumeId": PROD.volumes[2]}, made)
    yield record(rng, session, _call("ec2", "CreateSnapshot"), at + 66, exchange=copied)
    where: Json = {"snapshotId": snapshot, "zone": "eu-west-1b", "volumeType": "gp3"}
    grown = Exchange(where, {**where, "volumeId": volume, "status": "creating"})
    yield record(rng, session, _call("ec2", "CreateVolume"), at + 402, exchange=grown)
    items: Json = {"items": [{"instanceId": machine, "imageId": PROD.images[0], "instanceType": "t3.micro"}]}
    started = Exchange({"instanceType": "t3.micro", "imageId": PROD.images[0]}, {"instancesSet": items})
    yield record(rng, session, _call("ec2", "RunInstances"), at + 530, exchange=started)
    joined: Json = {"volumeId": volume, "instanceId": machine, "device": "/dev/sdf"}
    yield record(rng, session, _call("ec2", "AttachVolume"), at + 601, exchange=Exchange(joined, joined))


def new_user_takes_a_disk(stage: Stage) -> Tale:
    """A new user with a new key copies a disk and starts a machine to read it: each call is ordinary, the five are not.

    An administrator makes a user for a supplier some days before; it gets a key and does nothing of the kind.
    """

    def supplier(rng: Random, at: int) -> Iterator[Json]:
        tomas = c.person("tomas")
        identity = user_identity(PROD, tomas.name, tomas.long_lived_key(PROD))
        session = Session(identity, PROD, c.OFFICE_ADDRESSES[1], tomas.agent)
        asked: Json = {"userName": "supplier-feed"}
        yield record(rng, session, _call("iam", "CreateUser"), at, exchange=Exchange(asked))
        yield record(rng, session, _call("iam", "CreateAccessKey"), at + 30, exchange=Exchange(asked))

    begin, later = stage.at(12, 13, 2, 11), stage.at(12, 14, 20, 5)
    why = "five ordinary calls in a row: a user, its key, and by that user a snapshot, a volume and a machine"
    return Tale(
        (Activity(begin, _new_user), Activity(later, _disk)),
        (Expected(CHAIN_RULE, NEW_USER, stamp(later + 530), why),),
        before=(Activity(stage.at(4, 10, 7, 33), supplier),),
    )


def help_desk_at_night(stage: Stage) -> Tale:
    """Somebody signs in as the help desk at three in the morning, with the password and a tired second factor.

    A colleague of the help desk is on call, and signed in at night before: that is known.
    """

    def on_call(rng: Random, at: int) -> Iterator[Json]:
        sunniva = c.person("sunniva")
        session, events = signing.console_sign_in(rng, sunniva, PROD, sunniva.home, at)
        yield from events
        yield record(rng, session, CATALOGUE["ec2:DescribeInstanceStatus"], at + 70)

    def intruder(rng: Random, at: int) -> Iterator[Json]:
        session, events = signing.console_sign_in(rng, c.person("rafael"), PROD, c.NIGHT_ADDRESS, at)
        yield from events
        yield record(rng, session, CATALOGUE["s3:ListBuckets"], at + 48)

    rafael = f"arn:aws:iam::{PROD.id}:user/rafael"
    night = stage.at(12, 3, 12, 40)
    nights = tuple(Activity(stage.at(day, hour, 21, 8), on_call) for day, hour in ((3, 2), (9, 23)))
    why = "rafael works from six to two in the afternoon and never signed in at night before"
    return Tale((Activity(night, intruder),), (Expected(NIGHT_RULE, rafael, stamp(night), why),), before=nights)


def snapshots_given_away(stage: Stage) -> Tale:
    """Somebody with a developer's key opens two dozen snapshots to an account outside, one after the other.

    Five are notified, the rest is one digest. One is refused, and nothing was given away by that.
    """
    begin, pause = stage.at(13, 21, 8, 2), 9
    numbers = range(GIVEN_AWAY)
    snapshots = [c.ident("snap-0", "shared", str(number), length=16) for number in numbers]

    def scene(rng: Random, at: int) -> Iterator[Json]:
        piotr = c.person("piotr")
        identity = user_identity(PROD, piotr.name, piotr.long_lived_key(PROD))
        session = Session(identity, PROD, c.SHARING_ADDRESS, c.CLI_LINUX)
        yield record(rng, session, CATALOGUE["ec2:DescribeSnapshots"], at - 30, exchange=Exchange({"ownersSet": {}}))
        for number, snapshot in enumerate(snapshots):
            yield record(
                rng,
                session,
                _call("ec2", "ModifySnapshotAttribute"),
                at + pause * number,
                exchange=_opened(rng, snapshot),
            )
        refused = _opened(rng, "snap-0fedcba9876543210")
        last = at + pause * GIVEN_AWAY
        yield record(rng, session, _call("ec2", "ModifySnapshotAttribute"), last, exchange=refused, fault=UNAUTHORIZED)

    why = "each snapshot is opened to another account for the first time"
    return Tale(
        (Activity(begin, scene),),
        tuple(
            Expected(
                SHARED_RULE, snapshot, stamp(begin + pause * number), why, "send" if number < SHARED_LIMIT else "digest"
            )
            for number, snapshot in enumerate(snapshots)
        ),
    )


def _opened(rng: Random, snapshot: str) -> Exchange:
    """Describe how a snapshot is opened to the other account."""
    request: Json = {
        "snapshotId": snapshot,
        "createVolumePermission": {"add": {"items": [{"userId": c.OTHER_ACCOUNT}]}},
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }
    return Exchange(request, {"requestId": uuid(rng), "_return": True})
