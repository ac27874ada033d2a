"""What happens at Yandex Cloud besides the ordinary days, and what must be found of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.cloudtrail import stamp
from demo.telling import Expected, Stage, Tale
from demo.traffic import Activity
from demo.yandex import calls as k
from demo.yandex import estate as e
from demo.yandex.events import signed_in, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from demo.cloudtrail import Json
    from demo.yandex.events import Call

_TOOL = "Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux#6.6.9-amd64 lang/python#3.11.8"
_REFUSALS = 26
_TRIED = ("ListSecrets", "ListClusters", "ListInstances", "ListBuckets", "ListUsers", "ListKeys", "ListTrails")


def _steps(rng: Random, who: e.Caller, at: int, steps: tuple[tuple[int, Call], ...]) -> Iterator[Json]:
    for wait, call in steps:
        yield from written(rng, who, e.PROD, call, at + wait)


def administrator_with_a_key(stage: Stage) -> Tale:
    """A password is phished. A service account becomes administrator of the folder, gets a key, and leaves with it.

    Outside it tries every door: some are open to an administrator of one folder, more than twenty are not.
    """
    begin, later = stage.at(11, 21, 14, 52), stage.at(11, 22, 1, 30)
    bram = e.person("bram", e.PERSON_ADDRESS)
    thief = e.account("render", e.KEY_ADDRESS, _TOOL)

    def inside(rng: Random, at: int) -> Iterator[Json]:
        yield from signed_in(rng, bram, at)
        yield from _steps(rng, bram, at, (
            (140, k.granted(e.PROD, e.account_id("render"), "admin")),
            (230, k.key_made("render")),
        ))  # fmt: skip

    def outside(rng: Random, at: int) -> Iterator[Json]:
        for number in range(_REFUSALS):
            call = k.listed("iam", _TRIED[number % len(_TRIED)], refused=True)
            yield from written(rng, thief, e.TOOLS, call, at + 4 * number)
        for number in range(12):
            name = f"proofs/{rng.randrange(10**5):05d}.pdf"
            yield from written(rng, thief, e.PROD, k.objects("GetByPresignURL", name), at + 300 + 2 * number)

    why = "an account that only ever drew pages inside is administrator, has a key, and calls from a stranger's server"
    return Tale(
        (Activity(begin, inside), Activity(later, outside)),
        (
            Expected("yandex_api_new_network", bram.name, stamp(begin), why),
            Expected("yandex_administrator_granted", bram.name, stamp(begin + 140), why),
            Expected("yandex_service_account_key_changed", bram.name, stamp(begin + 230), why),
            Expected("yandex_service_account_from_outside", thief.name, stamp(later), why),
            Expected("yandex_api_refused_many", thief.name, stamp(later + 4 * 19), why),
        ),
    )


def machine_that_reads_secrets(stage: Stage) -> Tale:
    """With a developer's command line: an account may read a secret, a machine is the account, and SSH is open.

    The machine also gives out the account's token to whoever asks in the older of two ways.
    """
    begin = stage.at(12, 20, 33, 17)
    yuki = e.person("yuki", e.LAPTOP_ADDRESS, e.YC)

    def scene(rng: Random, at: int) -> Iterator[Json]:
        yield from _steps(rng, yuki, at, (
            (0, k.secret_opened(e.SECRETS[0], "press-api")),
            (90, k.machine_runs_as(e.PROD, "press-07", "press-api")),
            (200, k.metadata_set(e.PROD, "press-07", "ssh-keys", "user-data")),
            (320, k.group_changed("sg-admin", "0.0.0.0/0", "22")),
        ))  # fmt: skip

    why = "a developer opened a secret to an account, gave the account to a machine, and the machine to everybody"
    machine, group = e.PROD.machine("press-07"), e.ident("enp", "sg-admin")
    return Tale(
        (Activity(begin, scene),),
        (
            Expected("yandex_api_new_network", yuki.name, stamp(begin), why),
            Expected("yandex_secret_access_changed", yuki.name, stamp(begin), why),
            Expected("yandex_instance_changed_new_principal", yuki.name, stamp(begin + 90), why),
            Expected("yandex_secret_reader_on_machine", e.account_id("press-api"), stamp(begin + 90), why),
            Expected("yandex_metadata_token_enabled", machine, stamp(begin + 90), why),
            Expected("yandex_machine_metadata_new_principal", yuki.name, stamp(begin + 200), why),
            Expected("yandex_security_group_changed", yuki.name, stamp(begin + 320), why),
            Expected("yandex_security_group_opened", group, stamp(begin + 320), why),
        ),
    )


def orders_copied(stage: Stage) -> Tale:
    """A developer who is about to leave copies the orders: a user of the database, and a disk put on a machine."""
    begin = stage.at(13, 16, 5, 40)
    oluchi = e.person("oluchi", "198.51.100.58", c.FIREFOX)

    def scene(rng: Random, at: int) -> Iterator[Json]:
        yield from signed_in(rng, oluchi, at)
        yield from _steps(rng, oluchi, at, (
            (120, k.database_user("report")),
            (300, k.snapshot("orders-tmp", "orders-01")),
            (460, k.disk_of("orders-copy", "orders-tmp")),
            (600, k.disk_attached(e.PROD, "press-08", "orders-copy")),
        ))  # fmt: skip

    why = "somebody who releases programs made a user of the database, and copied its disk to a machine"
    return Tale(
        (Activity(begin, scene),),
        (
            Expected("yandex_cluster_user_changed", oluchi.name, stamp(begin + 120), why),
            Expected("yandex_snapshot_new_principal", oluchi.name, stamp(begin + 300), why),
            Expected("yandex_snapshot_to_machine", e.ident("fhm", "orders-copy"), stamp(begin + 600), why),
            Expected("yandex_instance_changed_new_principal", oluchi.name, stamp(begin + 600), why),
        ),
    )


def rounds_of_the_press(stage: Stage) -> Tale:
    """Those who administer go through the machines twice a week: from the office on Tuesdays, from home on Fridays.

    A snapshot before, a new key in the metadata, a database's user: what others do for the first time, they always do.
    """
    scenes = []
    for hour, name in ((8, "tomas"), (9, "ines"), (10, "marit")):
        person = c.person(name)
        for first, address in ((2, person.home), (6, c.OFFICE_ADDRESSES[0])):
            agents = (c.CHROME,) if person.way == "sso" else (c.CHROME, e.YC)
            act = partial(_round, tuple(e.person(name, address, agent) for agent in agents))
            scenes += [Activity(stage.at(day, hour, 52, 3 * day), act) for day in range(first, stage.days + 1, 7)]
    return Tale(tuple(scenes))


def _round(ways: tuple[e.Caller, ...], rng: Random, at: int) -> Iterator[Json]:
    yield from signed_in(rng, ways[0], at)
    yield from _steps(rng, ways[-1], at, (
        (60, k.snapshot(f"before-patch-{rng.randrange(10**4):04d}", "press-01")),
        (170, k.metadata_set(e.PROD, "press-01", "ssh-keys")),
        (300, k.database_user("orders", "UpdateUser")),
    ))  # fmt: skip


STORIES: tuple[Callable[[Stage], Tale], ...] = (
    administrator_with_a_key,
    machine_that_reads_secrets,
    orders_copied,
    rounds_of_the_press,
)
