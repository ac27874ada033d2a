"""A console session in other hands: a sign-in without a second factor, commands on many machines, a disk taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo import company as c
from demo import signing
from demo.calls import CATALOGUE
from demo.cloudtrail import Call, Exchange, Json, Session, fresh, record, stamp, uuid
from demo.company import PROD
from demo.telling import Expected, Stage, Tale
from demo.traffic import Activity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_WAVE = 4
_GROUP = "sg-0" + "5e11a7c0ffee0b1d"


def _call(service: str, name: str) -> Call:
    """Describe a call that changes something, with what the scene says of it."""
    return Call(service, name, read_only=False, detail=lambda _rng, _account: Exchange(None))


def _commands(rng: Random, session: Session, at: int) -> Iterator[Json]:
    """Send the same script to three waves of machines."""
    for wave in range(3):
        machines = PROD.instances[wave * _WAVE : (wave + 1) * _WAVE]
        asked: Json = {
            "documentName": "AWS-RunShellScript",
            "instanceIds": list(machines),
            "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS",
        }
        answer: Json = {"command": {"commandId": uuid(rng), "documentName": "AWS-RunShellScript", "status": "Pending"}}
        yield record(rng, session, _call("ssm", "SendCommand"), at + 40 * wave, exchange=Exchange(asked, answer))


def _disk(rng: Random, session: Session, at: int) -> Iterator[Json]:
    """Copy a disk, start a machine for the copy, attach it, and open the machine's group to everybody."""
    snapshot, volume, machine = fresh(rng, "snap-0"), fresh(rng, "vol-0"), fresh(rng, "i-0")
    copied: Json = {"snapshotId": snapshot, "volumeId": PROD.volumes[4], "status": "pending", "ownerId": PROD.id}
    where: Json = {"snapshotId": snapshot, "zone": "eu-west-1a", "volumeType": "gp3"}
    started: Json = {
        "instanceId": machine,
        "imageId": PROD.images[1],
        "instanceType": "m7g.large",
        "groupSet": {"items": [{"groupId": _GROUP, "groupName": "launch-wizard-1"}]},
    }
    joined: Json = {"volumeId": volume, "instanceId": machine, "device": "/dev/sdf"}
    opened: Json = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    opened["ipRanges"] = {"items": [{"cidrIp": "0.0.0.0/0"}]}
    steps = (
        (0, "CreateSnapshot", Exchange({"volumeId": PROD.volumes[4]}, copied)),
        (340, "CreateVolume", Exchange(where, {**where, "volumeId": volume, "status": "creating"})),
        (420, "RunInstances", Exchange({"imageId": PROD.images[1]}, {"instancesSet": {"items": [started]}})),
        (530, "AttachVolume", Exchange(joined, joined)),
        (590, "AuthorizeSecurityGroupIngress", Exchange({"groupId": _GROUP, "ipPermissions": {"items": [opened]}})),
    )
    for wait, name, exchange in steps:
        yield record(rng, session, _call("ec2", name), at + wait, exchange=exchange)


def _scene(rng: Random, at: int) -> Iterator[Json]:
    sunniva = c.person("sunniva")
    session, events = signing.console_sign_in(rng, sunniva, PROD, c.TAKE_OVER_ADDRESS, at, mfa=False)
    yield from events
    for wait, name in ((31, "ec2:DescribeInstances"), (58, "ssm:DescribeInstanceInformation"), (90, "iam:ListRoles")):
        yield record(rng, session, CATALOGUE[name], at + wait)
    yield from _commands(rng, session, at + 300)
    yield from _disk(rng, session, at + 900)


def console_in_other_hands(stage: Stage) -> Tale:
    """Somebody signs in as the help desk from a network that is new, without a second factor, and stays in the console.

    A script on a dozen machines, then a disk: snapshot, volume, a machine of their own, and its group open to all.
    """
    begin = stage.at(12, 19, 47, 26)
    who = f"arn:aws:iam::{PROD.id}:user/sunniva"
    disk = begin + 900
    why = "the help desk looks and restarts; it never sent a command, copied a disk or opened a group"
    rows = (
        ("console_sign_in_without_mfa", who, begin),
        ("sign_in_new_network", who, begin),
        ("ssm_run_command_new_document", who, begin + 300),
        ("ssm_run_command_new_address", who, begin + 300),
        ("ssm_run_command_many_machines", who, begin + 380),
        ("ec2_snapshot_new_actor", who, disk),
        ("ec2_instance_new_actor", who, disk + 420),
        ("ec2_snapshot_to_instance", who, disk + 590),
        ("ec2_new_instance_opened", _GROUP, disk + 590),
        ("ec2_security_group_opened", _GROUP, disk + 590),
    )
    return Tale(
        (Activity(begin, _scene),),
        tuple(Expected(rule, one, stamp(at), why) for rule, one, at in rows),
    )
