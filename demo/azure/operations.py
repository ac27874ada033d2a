"""The operations on Azure's resources that the company's people, programs and intruders ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.azure.activity import Operation
from demo.azure.estate import GROUPS, REGION, SCALE_SET, STORES, guid, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from demo.azure.estate import Principal, Subscription
    from demo.cloudtrail import Json

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
"""Ids of built-in roles, which are the same in every tenant."""

_VM = "Microsoft.Compute/virtualMachines"
_NSG = "Microsoft.Network/networkSecurityGroups"
_IMAGE: Json = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


def _on_machine(verb: str, took: int) -> Callable[[Random, Subscription], Operation]:
    def draw(rng: Random, where: Subscription) -> Operation:
        return Operation(f"{_VM}/{verb}/action", where.machine(rng.choice(where.machines)), took, accepted=True)

    return draw


def run_command(where: Subscription, machine: str) -> Operation:
    """Run a script on a machine through its agent."""
    return Operation(f"{_VM}/runCommand/action", where.machine(machine), 31, accepted=True)


def snapshot(where: Subscription, name: str, disk: str) -> Operation:
    """Copy a disk."""
    source: Json = {"createOption": "Copy", "sourceResourceId": where.resource("Microsoft.Compute/disks", disk)}
    body: Json = {"name": name, "location": REGION, "properties": {"creationData": source}}
    resource = where.resource("Microsoft.Compute/snapshots", name)
    return Operation("Microsoft.Compute/snapshots/write", resource, 7, made=True, accepted=True, body=body)


def disk_of(where: Subscription, name: str, copied: str) -> Operation:
    """Make a disk of a snapshot."""
    source: Json = {"createOption": "Copy", "sourceResourceId": where.resource("Microsoft.Compute/snapshots", copied)}
    body: Json = {"name": name, "location": REGION, "properties": {"creationData": source}}
    resource = where.resource("Microsoft.Compute/disks", name)
    return Operation("Microsoft.Compute/disks/write", resource, 5, made=True, accepted=True, body=body)


def machine_made(where: Subscription, name: str, size: str = "Standard_D4s_v5") -> Operation:
    """Create a virtual machine of the company's usual image."""
    body: Json = {
        "name": name,
        "location": REGION,
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {"imageReference": _IMAGE},
            "provisioningState": "Creating",
        },
    }
    return Operation(f"{_VM}/write", where.machine(name), 41, made=True, accepted=True, body=body)


def machine_deleted(where: Subscription, name: str) -> Operation:
    """Delete a virtual machine."""
    return Operation(f"{_VM}/delete", where.machine(name), 38, accepted=True)


def disk_attached(where: Subscription, machine: str) -> Operation:
    """Attach a disk to a machine, or take one away."""
    return Operation(f"{_VM}/attachDetachDataDisks/action", where.machine(machine), 9, accepted=True)


def rule_written(where: Subscription, group: str, rule: str, source: str, port: str) -> Operation:
    """Let addresses reach a port."""
    said: Json = {
        "properties": {
            "protocol": "Tcp",
            "access": "Allow",
            "direction": "Inbound",
            "priority": 310,
            "sourceAddressPrefix": source,
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": port,
        }
    }
    resource = where.resource(f"{_NSG}/{group}/securityRules", rule)
    return Operation(f"{_NSG}/securityRules/write", resource, 3, made=True, body=said, asked=said)


def role_assigned(where: Subscription, to: Principal, role: str) -> Operation:
    """Give a role in the whole subscription."""
    definition = f"{where.scope}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    asked: Json = {
        "Id": guid("assignment", to.object_id, role),
        "Properties": {
            "PrincipalId": to.object_id,
            "PrincipalType": to.kind,
            "RoleDefinitionId": definition,
            "Scope": where.scope,
        },
    }
    body: Json = {
        "properties": {"roleDefinitionId": definition, "principalId": to.object_id, "scope": where.scope},
    }
    name = guid("assignment", to.object_id, role)
    resource = f"{where.scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    return Operation("Microsoft.Authorization/roleAssignments/write", resource, 2, made=True, body=body, asked=asked)


def keys_listed(where: Subscription, store: str) -> Operation:
    """Read the keys of a storage account."""
    resource = where.resource("Microsoft.Storage/storageAccounts", store)
    return Operation("Microsoft.Storage/storageAccounts/listKeys/action", resource, 1)


def _keys(rng: Random, where: Subscription) -> Operation:
    return keys_listed(where, rng.choice(STORES))


def _deployment(rng: Random, where: Subscription) -> Operation:
    name = f"release-{rng.randrange(100_000, 999_999)}"
    resource = where.resource("Microsoft.Resources/deployments", name)
    return Operation("Microsoft.Resources/deployments/write", resource, 48, made=True, accepted=True)


def _checked(rng: Random, where: Subscription) -> Operation:
    name = f"release-{rng.randrange(100_000, 999_999)}"
    resource = where.resource("Microsoft.Resources/deployments", name)
    return Operation("Microsoft.Resources/deployments/validate/action", resource, 2)


def _site(rng: Random, where: Subscription) -> Operation:
    resource = where.resource("Microsoft.Web/sites", rng.choice(("wh-api", "wh-portal")))
    return Operation(rng.choice(("Microsoft.Web/sites/write", "Microsoft.Web/sites/restart/action")), resource, 4)


def _tags(rng: Random, where: Subscription) -> Operation:
    resource = where.machine(rng.choice(where.machines)) + "/providers/Microsoft.Resources/tags/default"
    return Operation("Microsoft.Resources/tags/write", resource, 1)


def _inner_rule(rng: Random, where: Subscription) -> Operation:
    return rule_written(where, rng.choice(GROUPS), f"allow-app-{rng.randrange(1, 6)}", "10.20.0.0/16", "8443")


def _scale(rng: Random, where: Subscription) -> Operation:
    body: Json = {"name": SCALE_SET, "location": REGION, "sku": {"name": "Standard_D2s_v5", "capacity": 4}}
    resource = where.resource("Microsoft.Compute/virtualMachineScaleSets", SCALE_SET)
    action = "Microsoft.Compute/virtualMachineScaleSets/write"
    return Operation(action, resource, 20 + rng.randrange(30), accepted=True, body=body)


def _restore_point(rng: Random, where: Subscription) -> Operation:
    kind = "Microsoft.Compute/restorePointCollections"
    machine = rng.choice(where.machines)
    resource = where.resource(f"{kind}/AzureBackup_{machine}/restorePoints", f"rp{rng.randrange(10**6):06d}")
    return Operation(f"{kind}/restorePoints/write", resource, 26, made=True, accepted=True)


def _reader(rng: Random, where: Subscription) -> Operation:
    return role_assigned(where, user(rng.choice(("lenka", "edda", "oluchi", "bram"))), READER)


def _build_machine(rng: Random, where: Subscription) -> Operation:
    name = f"build-{rng.randrange(100):02d}"
    return machine_deleted(where, name) if rng.randrange(2) else machine_made(where, name)


OPERATIONS: dict[str, Callable[[Random, Subscription], Operation]] = {
    "start": _on_machine("start", 28),
    "restart": _on_machine("restart", 22),
    "deallocate": _on_machine("deallocate", 35),
    "assess patches": _on_machine("assessPatches", 44),
    "install patches": _on_machine("installPatches", 300),
    "run command": lambda rng, where: run_command(where, rng.choice(where.machines)),
    "snapshot": lambda rng, where: snapshot(where, f"before-change-{rng.randrange(10**4):04d}", "wh-app-03-data"),
    "keys": _keys,
    "deployment": _deployment,
    "validate": _checked,
    "site": _site,
    "tags": _tags,
    "inner rule": _inner_rule,
    "scale": _scale,
    "restore point": _restore_point,
    "reader": _reader,
    "build machine": _build_machine,
}
"""What ordinary days draw from, by a word of ours."""

MIXES: dict[str, dict[str, int]] = {
    "platform": {"restart": 5, "start": 2, "keys": 3, "run command": 5, "tags": 3, "inner rule": 3, "snapshot": 3},
    "developer": {"restart": 3, "start": 4, "deallocate": 4, "site": 8, "keys": 2, "tags": 1},
    "support": {"restart": 4, "start": 2},
    "terraform": {
        "validate": 3,
        "deployment": 4,
        "tags": 4,
        "inner rule": 2,
        "keys": 1,
        "reader": 1,
        "build machine": 2,
    },
    "deploy": {"deployment": 3, "site": 6, "validate": 2},
    "partner": {"restart": 3, "assess patches": 6, "install patches": 3},
    "scaling": {"scale": 1},
    "backup": {"restore point": 1},
}
"""Which of them somebody does, and how often: by job for people, by task for programs."""
