"""What happens at Google Cloud besides the ordinary days, and what must be found of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.cloudtrail import stamp
from demo.gcp import calls as k
from demo.gcp import estate as e
from demo.gcp.entries import signed_in, written
from demo.telling import Expected, Stage, Tale
from demo.traffic import Activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from demo.cloudtrail import Json
    from demo.gcp.entries import Call

KEY = "5b1e0c77d2a94f3e8d60a1f2c3b4958677e0d1c2"
"""The id of the key that somebody makes for themselves; nothing opens with it."""

_STOLEN_TOOL = "google-api-python-client/2.97.0 gl-python/3.11.8 (gzip),gzip(gfe)"
_PROBED = ("accounts", "machines", "buckets")


def _steps(rng: Random, who: e.Caller, at: int, steps: tuple[tuple[int, Call], ...]) -> Iterator[Json]:
    for wait, call in steps:
        yield from written(rng, who, e.PROD, call, at + wait)


def key_leaves_the_cloud(stage: Stage) -> Tale:
    """With an analyst's session somebody makes a key for the nightly load, and uses it from a server elsewhere.

    The load has always run on a machine inside, with a token that the machine was given; it never had a key.
    """
    begin, later = stage.at(11, 19, 22, 41), stage.at(11, 20, 3, 18)
    lenka = e.person("lenka", e.LOGIN_ADDRESS)
    load = e.Caller(e.DATA.account("nightly-load"), e.KEY_ADDRESS, _STOLEN_TOOL, key=KEY)

    def inside(rng: Random, at: int) -> Iterator[Json]:
        yield signed_in(rng, lenka, at, failed=True)
        yield signed_in(rng, lenka, at + 25)
        yield from written(rng, lenka, e.DATA, k.listed(e.DATA, "accounts"), at + 160)
        yield from written(rng, lenka, e.DATA, k.key_made(e.DATA, "nightly-load", KEY), at + 240)

    def outside(rng: Random, at: int) -> Iterator[Json]:
        for number, what in enumerate(_PROBED):
            yield from written(rng, load, e.DATA, k.listed(e.DATA, what, refused=what == "machines"), at + 7 * number)
        yield from written(rng, load, e.DATA, k.objects("list", e.BUCKETS[1]), at + 60)
        for number in range(40):
            name = f"daily/{rng.randrange(10**6):06d}.parquet"
            yield from written(rng, load, e.DATA, k.objects("get", e.BUCKETS[1], name), at + 90 + number)

    why = "an analyst made a key, which she never did, and the key is used where the program never was"
    return Tale(
        (Activity(begin, inside), Activity(later, outside)),
        (
            Expected("gcp_sign_in_new_network", lenka.email, stamp(begin + 25), why),
            Expected("gcp_key_new_actor", lenka.email, stamp(begin + 240), why),
            Expected("gcp_service_account_new_network", load.email, stamp(later), why),
        ),
    )


def script_for_every_machine(stage: Stage) -> Tale:
    """A developer's laptop is in other hands: a key for all machines, a script for each, and each starts again."""
    begin = stage.at(12, 21, 9, 12)
    yuki = e.person("yuki", e.SCRIPT_ADDRESS, e.GCLOUD)

    def scene(rng: Random, at: int) -> Iterator[Json]:
        yield from written(rng, yuki, e.PROD, k.project_key_added(e.PROD), at)
        machines = [*e.PROD.machines, "reader-jobs-01", "reader-jobs-02", "reader-jobs-03"]
        for number, machine in enumerate(machines):
            wait = 300 + 20 * number
            yield from written(rng, yuki, e.PROD, k.metadata_set(e.PROD, machine, "startup-script"), at + wait)
            yield from written(rng, yuki, e.PROD, k.CALLS["reset"](rng, e.PROD), at + wait + 8)

    why = "a developer who releases programs never told machines what to run when they start"
    return Tale(
        (Activity(begin, scene),),
        (
            Expected("gcp_machine_access_new_actor", yuki.email, stamp(begin), why),
            Expected("gcp_machine_command_new_address", yuki.email, stamp(begin + 300), why),
            Expected("gcp_machine_script_new_actor", yuki.email, stamp(begin + 300), why),
            Expected("gcp_machine_command_many_machines", yuki.email, stamp(begin + 300 + 20 * 8), why),
        ),
    )


def disk_copied_and_opened(stage: Stage) -> Tale:
    """The reports' owner is asked for a favour by somebody who is not who they say: owner, a disk, a way in.

    The stranger becomes owner of the project, stops the log's way out, copies the database's disk to a machine of
    their own, and lets everybody reach it.
    """
    begin, later = stage.at(13, 11, 48, 3), stage.at(13, 12, 31, 55)
    bram = e.person("bram", "198.51.100.42", c.CHROME)
    made, copied = e.PROD.account("cost-report"), "database-tmp"
    thief = e.Caller(made, e.KEY_ADDRESS, e.PYTHON, key=KEY[::-1])

    def favour(rng: Random, at: int) -> Iterator[Json]:
        yield from _steps(rng, bram, at, (
            (0, k.account_made(e.PROD, "cost-report")),
            (95, k.granted(e.PROD, f"serviceAccount:{made}", "roles/owner")),
            (150, k.key_made(e.PROD, "cost-report", KEY[::-1])),
        ))  # fmt: skip

    def taken(rng: Random, at: int) -> Iterator[Json]:
        yield from _steps(rng, thief, at, (
            (0, k.sink_deleted(e.PROD, "audit-to-storage")),
            (40, k.snapshot(e.PROD, copied, "reader-database-01")),
            (300, k.disk_of(e.PROD, "tmp-data", copied)),
            (420, k.machine_made(e.PROD, "cost-report-01", disk="tmp-data")),
            (600, k.disk_attached(e.PROD, "cost-report-01", "tmp-data")),
            (700, k.firewall(e.PROD, "allow-cost-report", "0.0.0.0/0", "22", "insert")),
        ))  # fmt: skip

    why = "an account that was made an hour ago owns the project, copies a disk, and opens the machine that has it"
    sink, rule = f"{e.PROD.name}/sinks/audit-to-storage", e.PROD.wide("firewalls", "allow-cost-report")
    return Tale(
        (Activity(begin, favour), Activity(later, taken)),
        (
            Expected("gcp_administrator_granted", f"serviceAccount:{made}", stamp(begin + 95), why),
            Expected("gcp_key_new_actor", bram.email, stamp(begin + 150), why),
            Expected("gcp_logging_disabled", sink, stamp(later), why),
            Expected("gcp_service_account_new_network", made, stamp(later), why),
            Expected("gcp_snapshot_new_actor", made, stamp(later + 40), why),
            Expected("gcp_disk_restored_new_actor", made, stamp(later + 300), why),
            Expected("gcp_instance_new_actor", made, stamp(later + 420), why),
            Expected("gcp_new_account_makes_instance", made, stamp(later + 420), why),
            Expected("gcp_snapshot_to_open_machine", made, stamp(later + 700), why),
            Expected("gcp_firewall_opened", rule, stamp(later + 700), why),
        ),
    )


def rounds_of_the_readers(stage: Stage) -> Tale:
    """Those who administer go through the machines twice a week: from the office on Tuesdays, from home on Fridays.

    A snapshot before, a new key in the metadata, a patch job, a look at who may do what: what others do for the first
    time, they always do.
    """
    scenes = []
    for hour, name in ((8, "tomas"), (9, "ines"), (10, "marit")):
        person = c.person(name)
        for first, address in ((2, person.home), (6, c.OFFICE_ADDRESSES[0])):
            agent = person.agent if person.way == "sso" else e.GCLOUD
            act = partial(_round, e.person(name, address, agent))
            scenes += [Activity(stage.at(day, hour, 14, 3 * day), act) for day in range(first, stage.days + 1, 7)]
    return Tale(tuple(scenes))


def _round(who: e.Caller, rng: Random, at: int) -> Iterator[Json]:
    yield signed_in(rng, who, at)
    name = f"before-patch-{rng.randrange(10**4):04d}"
    yield from _steps(rng, who, at, (
        (60, k.snapshot(e.PROD, name, "reader-api-01")),
        (180, k.metadata_set(e.PROD, "reader-api-01", "ssh-keys")),
        (240, k.patched(e.PROD, f"{rng.getrandbits(48):012x}")),
        (300, k.listed(e.PROD, "accounts")),
    ))  # fmt: skip


STORIES: tuple[Callable[[Stage], Tale], ...] = (
    key_leaves_the_cloud,
    script_for_every_machine,
    disk_copied_and_opened,
    rounds_of_the_readers,
)
