"""What happens on Azure besides the ordinary days, and what must be found of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from demo import company as c
from demo.azure import estate as e
from demo.azure import operations as o
from demo.azure.activity import operate
from demo.azure.directory import NON_INTERACTIVE, Change, Place, change, program_sign_in, sign_in
from demo.cloudtrail import stamp
from demo.telling import Expected, Stage, Tale
from demo.traffic import Activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from demo.cloudtrail import Json

_ABROAD = Place(e.NEW_NETWORK_ADDRESS, c.CHROME, "CA", "Halifax", managed=False)
_CALLED = Place(e.CALL_ADDRESS, c.CHROME, "CA", "Moncton", managed=False)
_COMMANDED, _LOST = 12, 6
_HELPER = e.Principal("Helpdesk Backup", e.guid("user", "helpdesk-backup"), f"helpdesk-backup@{c.DOMAIN}")


def partner_runs_a_command(stage: Stage) -> Tale:
    """The delegated administrator runs a script on a machine for the first time.

    The partner restarts and patches machines every day. It may run commands, and never did.
    """
    begin = stage.at(12, 10, 41, 5)

    def scene(rng: Random, at: int) -> Iterator[Json]:
        yield from operate(rng, e.PARTNER, e.PARTNER_ADDRESS, o.run_command(e.PROD, "wh-app-07"), at)

    why = "somebody of another tenant became administrator of a machine, which that tenant never did before"
    rules = (
        ("azure_run_command_new_principal", e.PARTNER.upn),
        ("azure_run_command_across_tenants", e.PARTNER_TENANT),
        ("azure_run_command_new_tenant", e.PARTNER_TENANT),
        ("azure_run_command_new_address", e.PARTNER.upn),
    )
    return Tale(
        (Activity(begin, scene),),
        tuple(Expected(rule, who, stamp(begin), why) for rule, who in rules),
    )


def disk_copied_to_a_new_machine(stage: Stage) -> Tale:
    """A developer's password is tried from abroad by night, works without a second factor, and a disk walks off.

    A snapshot, a disk of it, a machine that did not exist, the disk attached, and port 22 open to everybody.
    """
    begin = stage.at(11, 1, 52, 14)
    who = e.user("yuki", e.AZURE_CLI)

    def scene(rng: Random, at: int) -> Iterator[Json]:
        for wait in (0, 21):
            yield sign_in(rng, who, _ABROAD, at + wait, factors=1, error=50126)
        yield sign_in(rng, who, _ABROAD, at + 66, factors=1)
        yield sign_in(rng, who, _ABROAD, at + 70, category=NON_INTERACTIVE, factors=1)
        steps = (
            (310, o.keys_listed(e.PROD, e.STORES[0])),
            (600, o.snapshot(e.PROD, "wh-app-03-tmp", "wh-app-03-data")),
            (840, o.disk_of(e.PROD, "tmp-data", "wh-app-03-tmp")),
            (1020, o.machine_made(e.PROD, "wh-app-15")),
            (1200, o.disk_attached(e.PROD, "wh-app-15")),
            (1400, o.rule_written(e.PROD, "nsg-web", "tmp-ssh", "*", "22")),
        )
        for wait, operation in steps:
            yield from operate(rng, who, _ABROAD.address, operation, at + wait)

    why = "each call is ordinary for somebody; a developer made a snapshot, its disk and a machine, and opened it"
    rule = e.PROD.resource("Microsoft.Network/networkSecurityGroups/nsg-web/securityRules", "tmp-ssh").lower()
    return Tale(
        (Activity(begin, scene),),
        (
            Expected("entra_sign_in_single_factor", who.upn, stamp(begin + 66), why),
            Expected("entra_sign_in_new_country", who.upn, stamp(begin + 66), why),
            Expected("entra_sign_in_new_network", who.upn, stamp(begin + 66), why),
            Expected("azure_snapshot_new_principal", who.upn, stamp(begin + 600), why),
            Expected("azure_vm_new_principal", who.upn, stamp(begin + 1021), why),
            Expected("azure_disk_of_snapshot_to_machine", who.upn, stamp(begin + 1020), why),
            Expected("azure_snapshot_to_open_machine", who.upn, stamp(begin + 1400), why),
            Expected("azure_network_opened", rule, stamp(begin + 1400), why),
        ),
    )


def _helped(rng: Random, at: int) -> Iterator[Json]:
    """Somebody calls the help desk, says to be Ines, and gets a new password and a new telephone number."""
    clerk, ines = e.user("rafael"), e.user("ines")
    reset = Change("Reset password (by admin)", "UserManagement", "User", ines.name, ines.object_id, {},
                   "Self-service Password Management", ines.upn)  # fmt: skip
    phone = Change("Admin registered security info", "UserManagement", "User", ines.name, ines.object_id,
                   {"StrongAuthenticationUserDetails": (None, '"+0 000 0000"')},
                   "Authentication Methods", ines.upn)  # fmt: skip
    yield change(rng, clerk, c.OFFICE_ADDRESSES[0], reset, at)
    yield change(rng, clerk, c.OFFICE_ADDRESSES[0], phone, at + 95)


def _settles(rng: Random, at: int) -> Iterator[Json]:
    """As Ines: a second administrator, a credential for a program, and the program made owner of everything."""
    ines, program = e.user("ines", e.PORTAL, "Owner"), e.INVOICES
    yield sign_in(rng, ines, _CALLED, at, factors=1)
    yield sign_in(rng, ines, _CALLED, at + 5, to=e.GRAPH, category=NON_INTERACTIVE, factors=1)
    made = Change("Add user", "UserManagement", "User", _HELPER.name, _HELPER.object_id,
                  {"AccountEnabled": ("[]", "[true]")}, upn=_HELPER.upn)  # fmt: skip
    member = Change("Add member to role", "RoleManagement", "User", _HELPER.name, _HELPER.object_id,
                    {"Role.DisplayName": (None, '"Global Administrator"'),
                     "Role.WellKnownObjectName": (None, '"TenantAdmins"')}, upn=_HELPER.upn)  # fmt: skip
    key = f"[KeyIdentifier={e.guid('key', 'new')},KeyType=Password,KeyUsage=Verify,DisplayName=sync]"
    credential = Change("Add service principal credentials", "ApplicationManagement", "ServicePrincipal",
                        program.name, program.object_id,
                        {"KeyDescription": ("[]", f'["{key}"]')})  # fmt: skip
    for wait, what in ((180, made), (260, member), (420, credential)):
        yield change(rng, ines, _CALLED.address, what, at + wait)
    yield from operate(rng, ines, _CALLED.address, o.role_assigned(e.PROD, program, o.OWNER), at + 540)


def _takes_over(rng: Random, at: int) -> Iterator[Json]:
    """As the program: a script on a dozen machines, and then machines disappear."""
    program = e.INVOICES
    yield program_sign_in(rng, program, _CALLED, at, to=e.MANAGEMENT)
    for number, machine in enumerate(e.PROD.machines[:_COMMANDED]):
        yield from operate(rng, program, e.CALL_ADDRESS, o.run_command(e.PROD, machine), at + 60 + 20 * number)
    for number, machine in enumerate(e.PROD.machines[-_LOST:]):
        yield from operate(rng, program, e.CALL_ADDRESS, o.machine_deleted(e.PROD, machine), at + 1200 + 15 * number)


def directory_in_other_hands(stage: Stage) -> Tale:
    """The help desk is talked into a reset, and within two hours a program of the intruders owns the subscription.

    It runs a script on a dozen machines and deletes six.
    """
    helped, inside, over = stage.at(13, 14, 51, 33), stage.at(13, 15, 7, 2), stage.at(13, 15, 48, 20)
    who, clerk, ines = e.INVOICES.object_id, e.user("rafael"), e.user("ines")
    why = "a program that only ever read storage got a credential, then the subscription, and then used it"
    return Tale(
        (Activity(helped, _helped), Activity(inside, _settles), Activity(over, _takes_over)),
        (
            Expected("entra_second_factor_changed_new_admin", clerk.upn, stamp(helped + 95), why),
            Expected("entra_sign_in_single_factor", ines.upn, stamp(inside), why),
            Expected("entra_sign_in_new_country", ines.upn, stamp(inside), why),
            Expected("entra_sign_in_new_network", ines.upn, stamp(inside), why),
            Expected("entra_administrator_granted", ines.upn, stamp(inside + 260), why),
            Expected("entra_application_credential_new_actor", ines.upn, stamp(inside + 420), why),
            Expected("azure_owner_granted_new_principal", ines.upn, stamp(inside + 540), why),
            Expected("entra_workload_new_country", who, stamp(over), why),
            Expected("entra_workload_new_network", who, stamp(over), why),
            Expected("azure_run_command_new_principal", who, stamp(over + 60), why),
            Expected("azure_run_command_new_address", who, stamp(over + 60), why),
            Expected("azure_run_command_many_machines", who, stamp(over + 60 + 20 * 9), why),
            Expected("azure_vms_deleted_many", who, stamp(over + 1200 + 15 * 4), why),
        ),
    )


def patch_rounds(stage: Stage) -> Tale:
    """Those who administer go through the machines twice a week: from the office on Tuesdays, from home on Fridays.

    A copy of a disk, a command, the keys of a store: what others do for the first time, they always do.
    """
    scenes = []
    for hour, name in ((8, "tomas"), (9, "ines"), (10, "marit")):
        person = c.person(name)
        app = e.PORTAL if person.way == "sso" else e.AZURE_CLI
        for first, address in ((2, person.home), (6, c.OFFICE_ADDRESSES[0])):
            days = range(first, stage.days + 1, 7)
            act = partial(_patches, e.user(name, app, "Owner"), address)
            scenes += [Activity(stage.at(day, hour, 40, 3 * day), act) for day in days]
    return Tale(tuple(scenes))


def _patches(who: e.Principal, address: str, rng: Random, at: int) -> Iterator[Json]:
    yield sign_in(rng, who, Place(address), at)
    name = f"before-patch-{rng.randrange(10**4):04d}"
    yield from operate(rng, who, address, o.snapshot(e.PROD, name, "wh-app-03-data"), at + 70)
    yield from operate(rng, who, address, o.run_command(e.PROD, "wh-app-03"), at + 130)
    yield from operate(rng, who, address, o.keys_listed(e.PROD, e.STORES[2]), at + 260)


STORIES: tuple[Callable[[Stage], Tale], ...] = (
    partner_runs_a_command,
    disk_copied_to_a_new_machine,
    directory_in_other_hands,
    patch_rounds,
)
